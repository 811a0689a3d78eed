import { stopPrompt } from "../pipeline/process-stage.js";
import type { Pool } from "../pool/pool.js";
import type { PoolServer } from "../pool/pool-server.js";

/**
 * Stops a prompt of ours. Its server takes no task meanwhile, in none of its slots: behind a prompt
 * that does not yield it would only wait.
 *
 * @throws as {@link stopPrompt} does
 */
export async function stopOnServer(
  pool: Pool,
  server: PoolServer,
  promptId: string,
  signal: AbortSignal,
): Promise<void> {
  using _closed = pool.close(server);
  await stopPrompt(server.comfy, promptId, signal);
}
