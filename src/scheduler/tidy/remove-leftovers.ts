import { setImmediate } from "node:timers/promises";
import { isTerminal } from "../../domain/task.js";
import type { WorkDirs } from "../../pipeline/work-dir.js";
import type { FilmQueue } from "../../store/film-queue.js";

/**
 * Removes the work directories of tasks and chunks that have ended or are not in the store. Other directories
 * are still of use.
 *
 * @param untouchedMs only those in which nothing was written for so long.
 */
export async function removeLeftovers(
  workDirs: WorkDirs,
  store: Pick<FilmQueue, "getUnit">,
  signal: AbortSignal,
  untouchedMs = 0,
): Promise<void> {
  for (const taskId of await workDirs.leftovers(untouchedMs)) {
    signal.throwIfAborted();
    // An embedded store answers without the event loop.
    await setImmediate();
    const task = await store.getUnit(taskId);
    if (task === undefined || isTerminal(task.status)) await workDirs.remove(taskId);
  }
}
