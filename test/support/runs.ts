import type { TestCpuServer } from "./cpu-server.js";

/** How often each task's prompts were begun on these servers, by task id; what their own logs say. */
export async function runsByTask(
  servers: readonly TestCpuServer[],
): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  for (const server of servers)
    for (const { event, taskId } of await server.log().catch(() => []))
      if (event === "started" && taskId !== null) counts.set(taskId, (counts.get(taskId) ?? 0) + 1);
  return counts;
}
