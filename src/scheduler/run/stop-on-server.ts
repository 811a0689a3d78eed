import { stopPrompt } from "../../pipeline/process-stage.js";
import type { Pool } from "../../pool/pool.js";
import type { PoolServer } from "../../pool/server/pool-server.js";

/**
 * Stops a prompt of ours. Meanwhile its server takes no task in any of its slots: a task would only
 * wait behind a prompt that does not yield.
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
