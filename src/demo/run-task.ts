import { type GrpcClients, type Task, TaskStatus, TaskType } from "../client/client.js";

/**
 * Submits an input and watches its task over the stream until it ends.
 *
 * @throws Error with the task's own error message if the task does not complete.
 */
export async function runTask(
  { tasks }: GrpcClients,
  { url, type }: { readonly url: string; readonly type: "image" | "video" },
  signal: AbortSignal,
  onState: (task: Task) => void,
): Promise<Task> {
  const wireType = type === "image" ? TaskType.IMAGE : TaskType.VIDEO;
  const { taskId } = await tasks.createTask({ url, type: wireType }, { signal });
  let last: Task | undefined;
  for await (const { task } of tasks.watchTask({ taskId }, { signal })) {
    if (task === undefined) continue;
    last = task;
    onState(task);
  }
  if (last?.status === TaskStatus.COMPLETED) return last;
  throw new Error(last?.error ?? "the stream ended before the task");
}
