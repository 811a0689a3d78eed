import type { Task } from "../../domain/task.js";
import type { LeaseRequest } from "../task-queue.js";

/** Which task is leased, and the heads it passes. */
export interface LeaseChoice {
  readonly task: Task;
  readonly passed: readonly Task[];
}

/**
 * Chooses among the heads: of each workflow the oldest due task, all of one priority. The oldest
 * goes first, unless one of a preferred workflow may pass all that are older.
 *
 * @returns undefined if there is no head.
 */
export function chooseTask(
  heads: readonly Task[],
  request: Pick<LeaseRequest, "prefer" | "maxBypassCount" | "maxBypassMs">,
  now: Date,
): LeaseChoice | undefined {
  const queue = heads.toSorted(byAge);
  const preferred = queue.findIndex((head) => request.prefer.includes(head.workflow));
  const passed = queue.slice(0, Math.max(0, preferred));
  const mayPass = passed.every((head) => mayBePassed(head, request, now));
  const task = mayPass ? queue[passed.length] : queue[0];
  return task && { task, passed: mayPass ? passed : [] };
}

/** A head that another task went before. */
export function passOver(task: Task, now: Date): Task {
  return {
    ...task,
    bypassCount: task.bypassCount + 1,
    firstBypassedAt: task.firstBypassedAt ?? now,
  };
}

function byAge(a: Task, b: Task): number {
  return a.dueAt.getTime() - b.dueAt.getTime() || (a.taskId < b.taskId ? -1 : 1);
}

function mayBePassed(
  head: Task,
  { maxBypassCount, maxBypassMs }: Pick<LeaseRequest, "maxBypassCount" | "maxBypassMs">,
  now: Date,
): boolean {
  const sinceMs = head.firstBypassedAt ? now.getTime() - head.firstBypassedAt.getTime() : 0;
  return head.bypassCount < maxBypassCount && sinceMs <= maxBypassMs;
}
