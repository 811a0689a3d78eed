import type { Lease, Task } from "../domain/task.js";
import type { MongoTasks, StoredTask } from "./mongo-tasks.js";
import { standingOf } from "./standing.js";
import { applyReport } from "./task-progress.js";
import type { Fence, HeartbeatResult, ProgressReport } from "./task-store.js";

/**
 * Extends the leases of the tasks reported and records how far each has come: one reading and one
 * writing for all of them.
 *
 * @throws VersionConflict when one was written in between; doing it again does no harm to the others.
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
  const renewed: [StoredTask, Task][] = [];
  for (const report of reports) {
    const { taskId, epoch } = report;
    const stored = found.get(taskId);
    const standing = standingOf(stored?.task, epoch);
    if (standing === "lost" || standing === "terminal") lost.push({ taskId, epoch });
    if (standing === "canceled") canceled.push({ taskId, epoch });
    if (!stored?.task.lease || stored.task.epoch !== epoch) continue;
    const lease = { owner, expiresAt: new Date(stored.now.getTime() + leaseMs) };
    renewed.push([stored, renew(stored.task, lease, report)]);
  }
  await tasks.replaceMany(renewed);
  return { lost, canceled };
}

/** A canceled task keeps its lease for the cleanup, but comes no further. */
function renew(task: Task, lease: Lease, report: ProgressReport): Task {
  const renewed = { ...task, lease };
  return task.status === "processing" ? applyReport(renewed, report) : renewed;
}
