import { isTerminal, type Task } from "../../domain/task.js";
import type { CancelResult } from "../task-intake.js";
import type { Fence, Outcome, TaskNews, WriteResult } from "../task-queue.js";
import { applyNews } from "./apply-news.js";
import { checkFence } from "./check-fence.js";
import { cancelTask, endCleanup, settleTask } from "./task-changes.js";

/** A stored task, and the time of the store's clock. */
export interface TaskNow {
  readonly task: Task;
  readonly now: Date;
  /** The film that it is a chunk of. */
  readonly film?: Task | undefined;
}

/**
 * What the caller is told, and what the task becomes; without `next` it stays as it is. What that
 * changes of a chunk's film, {@link followChunk} says.
 */
export interface Decision<Answer> {
  readonly answer: Answer;
  readonly next?: Task;
  /** Chunks to be stored with it. */
  readonly added?: readonly Task[];
}

/**
 * Decides about one task; `stored` is undefined if there is no such task. A decision is pure: it is
 * made again when another write came in between.
 */
export type Decide<Answer> = (stored: TaskNow | undefined) => Decision<Answer>;

/** Decides about a change that only the holder of a task may make, while the task runs. */
export function byHolder(
  { epoch }: Fence,
  change: (task: Task, now: Date) => Task,
): Decide<WriteResult> {
  return (stored) => {
    const answer = checkFence(stored?.task, epoch);
    return stored && answer === "ok"
      ? { answer, next: change(stored.task, stored.now) }
      : { answer };
  };
}

/**
 * Decides about the end of a lease. A chunk that fails when its film has ended is canceled with it: one
 * film fails once.
 */
export function decideSettle(fence: Fence, outcome: Outcome, news?: TaskNews): Decide<WriteResult> {
  const settle = byHolder(fence, (task, now) => settleTask(applyNews(task, news), outcome, now));
  return (stored) => {
    const decision = settle(stored);
    const isOver = stored?.film !== undefined && isTerminal(stored.film.status);
    if (!isOver || decision.answer !== "ok" || outcome.kind !== "failed") return decision;
    return { answer: "canceled", next: cancelTask(stored.task, stored.now) };
  };
}

/** Decides about a client's cancel. */
export const decideCancel: Decide<CancelResult> = (stored) => {
  if (!stored) return { answer: "not_found" };
  const { task, now } = stored;
  if (task.status === "canceled") return { answer: "already_canceled" };
  if (isTerminal(task.status)) return { answer: "terminal" };
  return { answer: "canceled", next: cancelTask(task, now) };
};

/** Decides about the end of an ended task's cleanup. */
export function decideCleanup({ epoch }: Fence): Decide<WriteResult> {
  return (stored) => {
    const answer = checkFence(stored?.task, epoch);
    if (!stored || answer === "lost" || answer === "ok") return { answer: "lost" };
    const { cleanupPending, lease, film } = stored.task;
    if (cleanupPending && !lease) return { answer: "lost" };
    // What never needs a cleanup has no holder to tell of its end.
    if (answer === "terminal" && film === undefined) return { answer };
    return { answer: "ok", next: endCleanup(stored.task) };
  };
}
