import type { Output, Task } from "../domain/task.js";
import type { ObjectStorage, ObjectUrl } from "../storage/object-storage.js";

/** A task as clients see it, with new URLs of its outputs. */
export interface TaskView {
  readonly task: Task;
  /** One URL for each of the task's outputs. */
  readonly outputUrls: readonly ObjectUrl[];
  /** Where a film can be watched while it renders; absent: nowhere. */
  readonly previewUrl?: string;
}

/** Makes the view of a task. */
export async function viewTask(task: Task, storage: Pick<ObjectStorage, "url">): Promise<TaskView> {
  const outputs: readonly Output[] = task.outputs ?? [];
  return { task, outputUrls: await Promise.all(outputs.map((output) => storage.url(output.key))) };
}
