import type { Task } from "../../domain/task.js";
import { previewFolder } from "../../preview/preview-key.js";
import type { ObjectStorage } from "../../storage/object-storage.js";

/** The folders of tasks' objects. The objects of each task are below its id. */
const FOLDERS = ["outputs/", "previews/", "films/"];

/**
 * Removes all objects of a task: those that it names, and those that lie where its objects are
 * kept, such as the result of a run that was canceled meanwhile. Harmless to repeat.
 *
 * @throws TaskError STORAGE_REFUSED, or UPLOAD_FAILED when the storage is out of reach; the
 *   signal's reason.
 */
export async function removeObjects(
  { taskId, outputs = [] }: Task,
  storage: Pick<ObjectStorage, "list" | "remove">,
  signal: AbortSignal,
): Promise<void> {
  const keys = new Set(outputs.map(({ key }) => key));
  for (const folder of [...FOLDERS.map((each) => `${each}${taskId}/`), previewFolder(taskId)])
    for await (const { key } of storage.list(folder, signal)) keys.add(key);
  for (const key of keys) {
    signal.throwIfAborted();
    await storage.remove(key, signal);
  }
}

/** Removes the previews of a task whose results stay, as far as the storage lets us. */
export async function removePreviews(
  { taskId }: Task,
  storage: Pick<ObjectStorage, "list" | "remove">,
  signal: AbortSignal,
): Promise<void> {
  try {
    for await (const { key } of storage.list(previewFolder(taskId), signal))
      await storage.remove(key, signal);
  } catch {
    // It may have no right to: the task is deleted all the same.
    signal.throwIfAborted();
  }
}
