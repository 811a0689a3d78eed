import type { Task } from "../../domain/task.js";
import type {
  CreateManyResult,
  CreateResult,
  Idempotency,
  NewTask,
  PendingLimits,
} from "../task-intake.js";

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

/** How many tasks are pending, in all and of the tenant whose the new ones are. */
export interface PendingCounts {
  readonly all: number;
  readonly tenant: number;
}

/** Which limit keeps so many more tasks from being stored; undefined: none. */
function fullness(
  { all, tenant }: PendingCounts,
  newCount: number,
  { maxPendingCount = Infinity, maxTenantPendingCount = Infinity }: PendingLimits,
): "full" | "tenant_full" | undefined {
  if (newCount === 0) return undefined;
  if (all + newCount > maxPendingCount) return "full";
  return tenant + newCount > maxTenantPendingCount ? "tenant_full" : undefined;
}

/** The answer to a create that stores nothing; undefined if the task is to be stored. */
export function refuse(
  { idempotency }: NewTask,
  former: FormerTask | undefined,
  pending: PendingCounts,
  limits: PendingLimits,
): CreateResult | undefined {
  if (former && idempotency) return replayOf(former, idempotency);
  const outcome = fullness(pending, 1, limits);
  return outcome && { outcome };
}

/**
 * The answer to several creates at once if nothing is to be stored.
 *
 * @param answers what {@link replayOf} answers to each; undefined for one that is to be stored.
 */
export function refuseTogether(
  answers: readonly (CreateResult | undefined)[],
  pending: PendingCounts,
  limits: PendingLimits,
): CreateManyResult | undefined {
  const index = answers.findIndex((answer) => answer?.outcome === "conflict");
  if (index >= 0) return { outcome: "conflict", index };
  const newCount = answers.filter((answer) => answer === undefined).length;
  const outcome = fullness(pending, newCount, limits);
  return outcome && { outcome };
}
