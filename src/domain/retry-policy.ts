import type { TaskError } from "./errors.js";
import type { StageName, Task, TaskFailure } from "./task.js";

/** Limits of retries. */
export interface RetryLimits {
  /** How many attempts may follow the first. */
  readonly maxRetries: number;
  /** The pause before the first retry. It doubles with each further retry. */
  readonly retryDelayMs: number;
  /** How long storing a finished result is tried. */
  readonly uploadRetryMs: number;
}

/** A failure and its circumstances. */
export interface FailureContext {
  readonly task: Pick<Task, "attempt" | "takeovers">;
  readonly stage: StageName;
  /** For failures of the upload stage: how long ago the prompt ended. */
  readonly sincePromptEndedMs: number;
  /** Whether a server's fault also counts against the task. */
  readonly blamesTask: boolean;
  /** Whether a task that may not be to blame can be tried once more on another server. */
  readonly hasSecondOpinion: boolean;
}

/** What happens after a failure. */
export type Decision =
  | { readonly kind: "failed"; readonly error: TaskFailure }
  | {
      readonly kind: "retry";
      /**
       * What the retry costs the task. `pauseTry` counts the tries, because the pause grows with
       * them.
       */
      readonly spends: "attempt" | "takeover" | "nothing";
      readonly pauseTry: number;
    };

/**
 * A task that changed hands more often than this probably crashes servers or processes. It is
 * failed.
 */
export const MAX_TAKEOVERS = 5;

/**
 * Decides what a failure costs the task:
 * - A fault of the task fails it. Where that is not clear it is tried once more on another server,
 *   if there is one.
 * - A fault of a server puts it back without spending an attempt, at most {@link MAX_TAKEOVERS}
 *   times.
 * - A passing fault spends an attempt.
 * - After the prompt has ended, and while its result still exists, a retry spends only time.
 */
export function decideRetry(
  error: TaskError,
  context: FailureContext,
  limits: RetryLimits,
): Decision {
  const failed: Decision = { kind: "failed", error: { code: error.code, message: error.message } };
  switch (error.family) {
    case "task":
      return error.isUnclear && context.hasSecondOpinion
        ? { kind: "retry", spends: "nothing", pauseTry: 0 }
        : failed;
    case "caller":
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

/** The pause grows with the passed time, as if each try had failed at once. */
function decideLateFault(failed: Decision, context: FailureContext, limits: RetryLimits): Decision {
  const { sincePromptEndedMs } = context;
  if (sincePromptEndedMs >= limits.uploadRetryMs) return failed;
  const pauseTry =
    1 + Math.floor(Math.log2(1 + sincePromptEndedMs / Math.max(1, limits.retryDelayMs)));
  return { kind: "retry", spends: "nothing", pauseTry };
}
