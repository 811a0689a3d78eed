import type { Task } from "../../domain/task.js";
import type { Fence, HeartbeatResult, ProgressReport } from "../task-queue.js";
import { checkFence } from "./check-fence.js";
import { applyReport } from "./task-progress.js";

/** The answer to a heartbeat, and the changes that it makes. */
export interface Judgement {
  readonly result: HeartbeatResult;
  /** The tasks whose lease is extended, as they are and with their reports applied. */
  readonly held: readonly { readonly task: Task; readonly next: Task }[];
}

/** Judges the reports of one holder. `find` gives the stored task of an id. */
export function judgeReports(
  reports: readonly ProgressReport[],
  find: (taskId: string) => Task | undefined,
): Judgement {
  const lost: Fence[] = [];
  const canceled: Fence[] = [];
  const held: { task: Task; next: Task }[] = [];
  for (const report of reports) {
    const { taskId, epoch } = report;
    const task = find(taskId);
    const answer = checkFence(task, epoch);
    const isFilmToCleanUp = answer === "terminal" && task?.cleanupPending && task.lease;
    const isToCleanUp = answer === "canceled" || isFilmToCleanUp;
    if (isToCleanUp) canceled.push({ taskId, epoch });
    else if (answer !== "ok") lost.push({ taskId, epoch });
    if (!task?.lease || answer === "lost") continue;
    // An ended task keeps its lease for the cleanup, but its report is ignored.
    held.push({ task, next: answer === "ok" ? applyReport(task, report) : task });
  }
  return { result: { lost, canceled }, held };
}

/** The films of which a chunk that was reported has come further. */
export function filmsOf(held: Judgement["held"]): readonly string[] {
  const moved = held.filter(({ task, next }) => next.progress > task.progress);
  return [...new Set(moved.flatMap(({ task }) => task.chunk?.film ?? []))];
}
