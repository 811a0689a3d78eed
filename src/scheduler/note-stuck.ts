import type { Pool } from "../pool/pool.js";
import type { PoolServer } from "../pool/pool-server.js";

/** Takes a server out of the pool until a prompt of ours that did not stop has ended. */
export function noteStuck(pool: Pool, server: PoolServer, promptId: string, reason: string): void {
  server.stuckPromptIds.add(promptId);
  pool.noteFault(server, "fault", reason);
}
