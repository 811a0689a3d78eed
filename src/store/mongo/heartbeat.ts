import type { Task } from "../../domain/task.js";
import { judgeReports } from "../core/judge-reports.js";
import type { HeartbeatResult, ProgressReport } from "../task-queue.js";
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
  const { result, held } = judgeReports(reports, (taskId) => found.get(taskId)?.task);
  await tasks.renew(
    held.map(({ task }) => task),
    owner,
    leaseMs,
  );
  const news = held.flatMap(({ task, next }): [StoredTask, Task][] => {
    const stored = found.get(task.taskId);
    return stored ? [[stored, next]] : [];
  });
  await recordNews(tasks, news);
  return result;
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
