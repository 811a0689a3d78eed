import type { Task } from "../../domain/task.js";
import { showProgress } from "../core/film-changes.js";
import { filmsOf, judgeReports } from "../core/judge-reports.js";
import type { HeartbeatResult, ProgressReport } from "../task-queue.js";
import type { MongoChunks } from "./chunks.js";
import type { MongoDatabase } from "./database.js";
import { VersionConflict } from "./errors.js";
import type { StoredTask } from "./stored-tasks.js";
import type { MongoTasks } from "./tasks.js";

/**
 * Extends the leases of the reported tasks and records their progress: one read for all of them,
 * one write for the leases and one for the progress.
 *
 * @throws VersionConflict when one of them was taken over or ended in between. To call it again
 *   does no harm to the others.
 */
export async function renewLeases(
  { tasks, chunks }: MongoDatabase,
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
  // Afterwards, by what is stored then: whoever reports last counts what others have reported.
  const films = await Promise.all(filmsOf(held).map((id) => progressOf(tasks, chunks, id)));
  await recordNews(tasks, films.flat());
  return result;
}

async function progressOf(
  tasks: MongoTasks,
  chunks: MongoChunks,
  filmId: string,
): Promise<readonly (readonly [StoredTask, Task])[]> {
  const [film, frameCount] = await Promise.all([
    tasks.find(filmId),
    chunks.runningFrameCount(filmId),
  ]);
  return film ? [[film, showProgress(film.task, frameCount)]] : [];
}

/** Records progress if it can. For a task that is being written just now, the next report does. */
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
