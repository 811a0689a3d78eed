import type { Output, Task } from "../domain/task.js";
import type { ObjectStorage, ObjectUrl } from "../storage/object-storage.js";

/** A task as shown: with the URLs of its outputs, made afresh. */
export interface TaskView {
  readonly task: Task;
  /** One for each of the task's outputs. */
  readonly outputUrls: readonly ObjectUrl[];
}

/** Makes the view of a task. */
export async function viewTask(task: Task, storage: Pick<ObjectStorage, "url">): Promise<TaskView> {
  const outputs: readonly Output[] = task.outputs ?? [];
  return { task, outputUrls: await Promise.all(outputs.map((output) => storage.url(output.key))) };
}
