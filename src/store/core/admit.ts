import type { Task } from "../../domain/task.js";
import type { CreateResult, Idempotency, NewTask } from "../task-intake.js";

/** The task that a key stands for, and the request that made it. */
export interface FormerTask {
  readonly task: Task;
  readonly requestHash?: string;
}

/** What a create answers whose key stands for a task already. */
export function replayOf(former: FormerTask, { requestHash }: Idempotency): CreateResult {
  return former.requestHash === requestHash
    ? { outcome: "replayed", task: former.task }
    : { outcome: "conflict" };
}

/** What a create answers that stores nothing; undefined: the task is to be stored. */
export function refuse(
  { idempotency }: NewTask,
  former: FormerTask | undefined,
  isFull: boolean,
): CreateResult | undefined {
  if (former && idempotency) return replayOf(former, idempotency);
  return isFull ? { outcome: "full" } : undefined;
}
