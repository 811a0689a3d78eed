import { nextTask, notePassed, type QueuedTask } from "../../domain/queue-order.js";
import type { Task } from "../../domain/task.js";
import type { LeaseRequest } from "../task-queue.js";

/** The task to lease, and the heads it passes. */
export interface NextLease {
  readonly task: Task;
  readonly passed: readonly Task[];
}

/**
 * Chooses the head to lease, in the order of the queue. A head of a preferred workflow may pass
 * others.
 *
 * @param heads the oldest due task of each workflow, and the due chunk of each whose turn comes first.
 * @returns undefined if there is none.
 */
export function nextLease(
  heads: readonly Task[],
  request: Pick<LeaseRequest, "prefer" | "maxBypassCount" | "maxBypassMs">,
  now: Date,
): NextLease | undefined {
  const next = nextTask(heads.map(queued), {
    limits: request,
    nowMs: now.getTime(),
    loadCost: ({ head }) => (request.prefer.includes(head.workflow) ? 0 : 1),
  });
  return next && { task: next.task.head, passed: next.passed.map(({ head }) => head) };
}

/** A head after another task has passed it. */
export function passOver(head: Task, now: Date): Task {
  const { bypassCount, firstBypassedAtMs } = notePassed(queued(head), now.getTime());
  return { ...head, bypassCount, firstBypassedAt: new Date(firstBypassedAtMs) };
}

function queued(head: Task): QueuedTask & { readonly head: Task } {
  const { taskId, priority, dueAt, turnAt, bypassCount, firstBypassedAt } = head;
  return {
    ...{ head, taskId, priority, dueAt, turnAt, bypassCount },
    firstBypassedAtMs: firstBypassedAt?.getTime(),
  };
}
