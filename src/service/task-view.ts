import type { Output, Task } from "../domain/task.js";
import { defined } from "../lib/defined.js";
import type { ObjectStorage, ObjectUrl } from "../storage/object-storage.js";

/** A task as clients see it, with new URLs of its outputs. */
export interface TaskView {
  readonly task: Task;
  /** One URL for each of the task's outputs. */
  readonly outputUrls: readonly ObjectUrl[];
  /** Where a film can be watched while it renders; absent: nowhere. */
  readonly previewUrl?: string;
}

/** What views are made with. */
export interface ViewOptions {
  readonly storage: Pick<ObjectStorage, "url">;
  /** @default no film can be watched while it renders */
  readonly filmPreviews?: { urlOf(task: Task): Promise<string | undefined> };
}

/** Makes the view of a task. */
export async function viewTask(
  task: Task,
  { storage, filmPreviews }: ViewOptions,
): Promise<TaskView> {
  const outputs: readonly Output[] = task.outputs ?? [];
  const outputUrls = await Promise.all(outputs.map((output) => storage.url(output.key)));
  const previewUrl = await filmPreviews?.urlOf(task);
  return { task, outputUrls, ...defined({ previewUrl }) };
}
