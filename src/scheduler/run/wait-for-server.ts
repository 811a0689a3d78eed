import type { PromptRequest } from "../../pool/best-match.js";
import type { Pool } from "../../pool/pool.js";
import type { PoolServer } from "../../pool/server/pool-server.js";
import { isUp } from "../../pool/server/server-fit.js";

/**
 * Waits until a server answers again (`back`), or until another one has room for the work
 * (`given_up`), whichever is first. One that came back without what the work needs may still know
 * how its prompt ended.
 *
 * @throws the signal's reason when aborted.
 */
export function waitForServer(
  pool: Pool,
  server: PoolServer,
  request: PromptRequest,
  signal: AbortSignal,
): Promise<"back" | "given_up"> {
  return new Promise((resolve, reject) => {
    const look = (): void => {
      if (isUp(server)) end(() => resolve("back"));
      else if (pool.hasRoomBeside(server, request)) end(() => resolve("given_up"));
    };
    const onAbort = (): void => end(() => reject(signal.reason as Error));
    const end = (settle: () => void): void => {
      unsubscribe();
      signal.removeEventListener("abort", onAbort);
      settle();
    };
    const unsubscribe = pool.subscribe(look);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    else look();
  });
}
