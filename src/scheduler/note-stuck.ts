import type { Pool } from "../pool/pool.js";
import type { PoolServer } from "../pool/pool-server.js";

/** Takes a server out of the pool for as long as it runs a prompt of ours that would not be stopped. */
export function noteStuck(pool: Pool, server: PoolServer, promptId: string, reason: string): void {
  server.stuckPromptIds.add(promptId);
  pool.noteFault(server, "fault", reason);
}
