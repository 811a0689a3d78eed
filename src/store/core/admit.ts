import type { Task } from "../../domain/task.js";
import type { CreateResult, Idempotency, NewTask } from "../task-intake.js";

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
