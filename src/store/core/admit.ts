import type { Task } from "../../domain/task.js";
import type { CreateManyResult, CreateResult, Idempotency, NewTask } from "../task-intake.js";

/** The task that an idempotency key belongs to, and the hash of the request that made it. */
export interface FormerTask {
  readonly task: Task;
  readonly requestHash?: string;
}

/** The answer to a create whose key belongs to a task already. */
export function replayOf(former: FormerTask, { requestHash }: Idempotency): CreateResult {
  return former.requestHash === requestHash
    ? { outcome: "replayed", task: former.task }
    : { outcome: "conflict" };
}

/** The answer to a create that stores nothing; undefined if the task is to be stored. */
export function refuse(
  { idempotency }: NewTask,
  former: FormerTask | undefined,
  isFull: boolean,
): CreateResult | undefined {
  if (former && idempotency) return replayOf(former, idempotency);
  return isFull ? { outcome: "full" } : undefined;
}

/**
 * The answer to several creates at once if nothing is to be stored.
 *
 * @param answers what {@link replayOf} answers to each; undefined for one that is to be stored.
 */
export function refuseTogether(
  answers: readonly (CreateResult | undefined)[],
  pendingCount: number,
  maxPendingCount: number,
): CreateManyResult | undefined {
  const index = answers.findIndex((answer) => answer?.outcome === "conflict");
  if (index >= 0) return { outcome: "conflict", index };
  const newCount = answers.filter((answer) => answer === undefined).length;
  const isFull = newCount > 0 && pendingCount + newCount > maxPendingCount;
  return isFull ? { outcome: "full" } : undefined;
}
