import type { Task } from "../../domain/task.js";
import type { CreateResult, Idempotency } from "../task-intake.js";

/** What a create answers whose key stands for a task already. */
export function replayOf(
  former: { readonly task: Task; readonly requestHash?: string },
  { requestHash }: Idempotency,
): CreateResult {
  return former.requestHash === requestHash
    ? { outcome: "replayed", task: former.task }
    : { outcome: "conflict" };
}
