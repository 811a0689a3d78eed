import type { Lease } from "../../domain/task.js";
import { showProgress } from "../core/film-changes.js";
import { filmsOf, judgeReports } from "../core/judge-reports.js";
import type { HeartbeatResult, ProgressReport } from "../task-queue.js";
import type { QueueTables } from "./next-lease.js";
import type { EmbeddedWrite } from "./write.js";

/** Moves the leases of reported tasks and stores how far they are, and what their films show of that. */
export function recordHeartbeat(
  write: EmbeddedWrite,
  lease: Lease,
  reports: readonly ProgressReport[],
  { tasks, chunks }: QueueTables,
): HeartbeatResult {
  const { result, held } = judgeReports(reports, (taskId) => tasks.find(taskId));
  for (const { task, next } of held) write.renew(task, { ...next, lease });
  for (const filmId of filmsOf(held)) {
    const film = tasks.find(filmId);
    const shown = film && showProgress(film, chunks.runningFrameCount(filmId));
    if (film && shown && shown !== film) write.save(film, shown);
  }
  return result;
}
