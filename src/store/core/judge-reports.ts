import type { Task } from "../../domain/task.js";
import type { Fence, HeartbeatResult, ProgressReport } from "../task-queue.js";
import { checkFence } from "./check-fence.js";
import { applyReport } from "./task-progress.js";

/** What a heartbeat comes to. */
export interface Judgement {
  readonly result: HeartbeatResult;
  /** The tasks whose lease is extended, as they are and with what was reported. */
  readonly held: readonly { readonly task: Task; readonly next: Task }[];
}

/** Judges the reports of one holder, each about the task that `find` gives. */
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
    if (answer === "lost" || answer === "terminal") lost.push({ taskId, epoch });
    if (answer === "canceled") canceled.push({ taskId, epoch });
    if (!task?.lease || answer === "lost") continue;
    // A canceled task keeps its lease for the cleanup, but comes no further.
    held.push({ task, next: answer === "ok" ? applyReport(task, report) : task });
  }
  return { result: { lost, canceled }, held };
}
