import type { TaskError } from "./errors.js";
import type { StageName, Task, TaskFailure } from "./task.js";

/** Bounds of retrying. */
export interface RetryLimits {
  /** Attempts after the first. */
  readonly maxRetries: number;
  /** Base of the pause before a retry; it doubles each time. */
  readonly retryDelayMs: number;
  /** How long storing a finished result is tried. */
  readonly uploadRetryMs: number;
}

/** What failed. */
export interface FailureContext {
  readonly task: Pick<Task, "attempt" | "takeovers">;
  readonly stage: StageName;
  /** How long ago the prompt ended, for failures of the upload stage. */
  readonly sincePromptEndedMs: number;
  /** Whether a server's fault is held against the task too. */
  readonly blamesTask: boolean;
}

/** What to do about a failure. */
export type Decision =
  | { readonly kind: "failed"; readonly error: TaskFailure }
  | {
      readonly kind: "retry";
      /** What the retry costs the task; `pauseTry` counts the tries for the growing pause. */
      readonly spends: "attempt" | "takeover" | "nothing";
      readonly pauseTry: number;
    };

/** A task that changed hands more often than this takes servers or processes down and is failed. */
export const MAX_TAKEOVERS = 5;

/**
 * The one table of whose fault costs what: a fault of the task ends it; a fault of a server puts it
 * back without spending an attempt, up to {@link MAX_TAKEOVERS} times; a passing fault spends an
 * attempt. After the GPU has done its work, as long as the result exists, only time is spent.
 */
export function decideRetry(
  error: TaskError,
  context: FailureContext,
  limits: RetryLimits,
): Decision {
  const failed: Decision = { kind: "failed", error: { code: error.code, message: error.message } };
  switch (error.family) {
    case "caller":
    case "task":
    case "out-of-memory":
      return failed;
    case "server":
      if (context.stage === "upload" && error.code !== "OUTPUT_LOST")
        return decideLateFault(failed, context, limits);
      return decideServerFault(error, context);
    case "passing":
      if (context.stage === "upload") return decideLateFault(failed, context, limits);
      return context.task.attempt > limits.maxRetries
        ? failed
        : { kind: "retry", spends: "attempt", pauseTry: context.task.attempt };
  }
}

function decideServerFault(error: TaskError, { task, blamesTask }: FailureContext): Decision {
  if (!blamesTask) return { kind: "retry", spends: "nothing", pauseTry: 0 };
  if (task.takeovers < MAX_TAKEOVERS) return { kind: "retry", spends: "takeover", pauseTry: 0 };
  const message = `The task was put back ${MAX_TAKEOVERS} times after faults of servers, the last one: ${error.message}`;
  return { kind: "failed", error: { code: "POISON_TASK", message } };
}

/** The pause grows with the time that has passed, as if each try had failed at once. */
function decideLateFault(failed: Decision, context: FailureContext, limits: RetryLimits): Decision {
  const { sincePromptEndedMs } = context;
  if (sincePromptEndedMs >= limits.uploadRetryMs) return failed;
  const pauseTry =
    1 + Math.floor(Math.log2(1 + sincePromptEndedMs / Math.max(1, limits.retryDelayMs)));
  return { kind: "retry", spends: "nothing", pauseTry };
}
