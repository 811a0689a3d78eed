import type { Pool } from "../pool/pool.js";
import type { PoolServer } from "../pool/pool-server.js";
import type { Workflow } from "../workflow/workflow.js";

/** How long to wait for a server that may still hold a prompt. */
export interface ServerPatience {
  readonly server: PoolServer;
  readonly workflow: Workflow;
  /** After so long the wait is over, as soon as another server could run the workflow. */
  readonly patienceMs: number;
}

/**
 * Waits until a server answers again (`back`), or until it was waited for long enough and another one
 * could take the work (`given_up`).
 *
 * @throws the signal's reason when aborted.
 */
export function waitForServer(
  pool: Pool,
  { server, workflow, patienceMs }: ServerPatience,
  signal: AbortSignal,
): Promise<"back" | "given_up"> {
  const deadlineMs = performance.now() + patienceMs;
  return new Promise((resolve, reject) => {
    const look = (): void => {
      if (server.state === "ready" || server.state === "half_open")
        return end(() => resolve("back"));
      const others = pool.serversFor(workflow).filter((other) => other !== server);
      if (performance.now() >= deadlineMs && others.length > 0) end(() => resolve("given_up"));
    };
    const onAbort = (): void => end(() => reject(signal.reason as Error));
    const end = (settle: () => void): void => {
      unsubscribe();
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      settle();
    };
    const unsubscribe = pool.subscribe(look);
    const timer = setTimeout(look, patienceMs + 1);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    else look();
  });
}
