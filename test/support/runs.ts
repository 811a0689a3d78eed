import type { TestCpuServer } from "./cpu-server.js";

/**
 * How often each task's prompts were begun on these servers, by task id. Read from the servers'
 * logs.
 */
export async function runsByTask(
  servers: readonly TestCpuServer[],
): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  for (const server of servers)
    for (const { event, taskId } of await server.log().catch(() => []))
      if (event === "started" && taskId !== null) counts.set(taskId, (counts.get(taskId) ?? 0) + 1);
  return counts;
}

/** How many prompts run and wait on a server. */
export async function queueLengths(
  server: Pick<TestCpuServer, "url">,
): Promise<{ readonly running: number; readonly pending: number }> {
  const queue = (await (await fetch(`${server.url}/queue`)).json()) as {
    queue_running: unknown[];
    queue_pending: unknown[];
  };
  return { running: queue.queue_running.length, pending: queue.queue_pending.length };
}
