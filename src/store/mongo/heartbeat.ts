import type { Task } from "../../domain/task.js";
import { checkFence } from "../core/check-fence.js";
import { applyReport } from "../core/task-progress.js";
import type { Fence, HeartbeatResult, ProgressReport } from "../task-queue.js";
import { VersionConflict } from "./errors.js";
import type { MongoTasks, StoredTask } from "./tasks.js";

/**
 * Extends the leases of the tasks reported and records how far each has come: one reading for all of
 * them, one writing for the leases and one for the news.
 *
 * @throws VersionConflict when one of them was taken over or ended in between; doing it again does no
 *   harm to the others.
 */
export async function renewLeases(
  tasks: MongoTasks,
  owner: string,
  leaseMs: number,
  reports: readonly ProgressReport[],
): Promise<HeartbeatResult> {
  const found = await tasks.findMany(reports.map(({ taskId }) => taskId));
  const lost: Fence[] = [];
  const canceled: Fence[] = [];
  const held: Fence[] = [];
  const news: [StoredTask, Task][] = [];
  for (const report of reports) {
    const { taskId, epoch } = report;
    const stored = found.get(taskId);
    const answer = checkFence(stored?.task, epoch);
    if (answer === "lost" || answer === "terminal") lost.push({ taskId, epoch });
    if (answer === "canceled") canceled.push({ taskId, epoch });
    if (!stored?.task.lease || stored.task.epoch !== epoch) continue;
    held.push({ taskId, epoch });
    // A canceled task keeps its lease for the cleanup, but comes no further.
    if (answer === "ok") news.push([stored, applyReport(stored.task, report)]);
  }
  await tasks.renew(held, owner, leaseMs);
  await recordNews(tasks, news);
  return { lost, canceled };
}

/** Progress is a courtesy: where something else is written of the task just now, the next report tells. */
async function recordNews(
  tasks: MongoTasks,
  news: readonly (readonly [StoredTask, Task])[],
): Promise<void> {
  try {
    await tasks.replaceMany(news);
  } catch (error) {
    if (!(error instanceof VersionConflict)) throw error;
  }
}
