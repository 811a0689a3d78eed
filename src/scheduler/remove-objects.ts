import type { Task } from "../domain/task.js";
import type { ObjectStorage } from "../storage/object-storage.js";

/** Below which objects of tasks are kept, those of each task below its id. */
const FOLDERS = ["outputs/", "previews/", "work/"];

/**
 * Removes whatever is kept of a task: what it names, and what lies where its objects are kept, such as
 * the result of a run that was canceled meanwhile. Harmless to repeat.
 *
 * @throws TaskError STORAGE_REFUSED, UPLOAD_FAILED when out of reach; the signal's reason.
 */
export async function removeObjects(
  { taskId, outputs = [] }: Task,
  storage: Pick<ObjectStorage, "list" | "remove">,
  signal: AbortSignal,
): Promise<void> {
  const keys = new Set(outputs.map(({ key }) => key));
  for (const folder of FOLDERS)
    for await (const { key } of storage.list(`${folder}${taskId}/`, signal)) keys.add(key);
  for (const key of keys) {
    signal.throwIfAborted();
    await storage.remove(key, signal);
  }
}
