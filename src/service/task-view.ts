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
  /** The query of signed links to what shows the task; absent: it needs none. */
  readonly linkQuery?: string;
}

/** What views are made with. */
export interface ViewOptions {
  readonly storage: Pick<ObjectStorage, "url">;
  /** @default no film can be watched while it renders */
  readonly filmPreviews?: { urlOf(task: Task): Promise<string | undefined> };
  /** Makes the query of signed links to what shows a task. @default links are not signed */
  readonly linkQueryOf?: (taskId: string) => string;
}

/** Makes the view of a task. */
export async function viewTask(
  task: Task,
  { storage, filmPreviews, linkQueryOf }: ViewOptions,
): Promise<TaskView> {
  const outputs: readonly Output[] = task.outputs ?? [];
  const outputUrls = await Promise.all(outputs.map((output) => storage.url(output.key)));
  const linkQuery = linkQueryOf?.(task.taskId);
  const url = await filmPreviews?.urlOf(task);
  const previewUrl = url && linkQuery ? `${url}?${linkQuery}` : url;
  return { task, outputUrls, ...defined({ previewUrl, linkQuery }) };
}
