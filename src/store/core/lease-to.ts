import type { Task } from "../../domain/task.js";
import type { LeaseRequest } from "../task-queue.js";
import { applyNews } from "./apply-news.js";
import { beginLease } from "./task-changes.js";

/** A pending task after the process that asks has leased it, with the stage that it begins at once. */
export function leaseTo(
  { owner, leaseMs, begins }: Pick<LeaseRequest, "owner" | "leaseMs" | "begins">,
  task: Task,
  now: Date,
): Task {
  const leased = beginLease(task, owner, leaseMs, now);
  if (begins === undefined || task.dispatch !== undefined) return leased;
  if (task.stages[begins.name]?.status === "success") return leased;
  return applyNews(leased, { stages: [begins], notes: [] });
}
