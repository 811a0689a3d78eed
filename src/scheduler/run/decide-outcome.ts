import type { TaskError } from "../../domain/errors.js";
import { decideRetry } from "../../domain/retry-policy.js";
import type { StageName } from "../../domain/task.js";
import { backoffMs } from "../../lib/backoff.js";
import type { Outcome } from "../../store/task-queue.js";
import type { HeldTask } from "../lease/held-task.js";
import type { LeasedTask } from "../lease/leased-task.js";
import type { RunContext, RunPhase } from "./run-context.js";
import { hasSecondOpinion } from "./servers-left.js";
import type { TaskRun } from "./task-run.js";

const MAX_RETRY_PAUSE_MS = 300_000;
/** The longest pause that an origin can ask for. */
const MAX_RETRY_AFTER_MS = 3_600_000;
const STORE_OUTAGE_PAUSE_MS = 5_000;

const STAGE_OF: Readonly<Record<RunPhase, StageName>> = {
  download: "download",
  waiting: "process",
  process: "process",
  upload: "upload",
  kept: "upload",
  cut: "download",
  join: "upload",
  cleanup: "process",
};

/** How a lease ends when the task could not be completed. */
export type FailureOutcome = Extract<Outcome, { kind: "failed" | "retry" }>;

/** Decides how the lease of a task ends that failed, and what the task remembers of it. */
export function decideOutcome(
  error: TaskError,
  blamesTask: boolean,
  run: TaskRun,
  { limits, pool }: Pick<RunContext, "limits" | "pool">,
): FailureOutcome {
  const { task, heldTask, phase, workflow } = run;
  if (error.code === "STORE_UNAVAILABLE") return storeOutage(heldTask.dispatch !== undefined);
  const stage = stageOf(phase, error);
  const { dispatch, takeovers } = heldTask;
  const failure = {
    ...{ task: { attempt: task.attempt, takeovers }, stage, blamesTask },
    sincePromptEndedMs: sincePromptEndedMs(run),
    hasSecondOpinion: workflow !== undefined && hasSecondOpinion(run, workflow, pool),
  };
  const decision = decideRetry(error, failure, limits);
  if (decision.kind === "failed") return withFirstFailure(decision, error, task);
  if (error.isUnclear) return askAnother(error, heldTask);
  const pause = { baseMs: limits.retryDelayMs, capMs: MAX_RETRY_PAUSE_MS };
  const isServerFault =
    error.family === "server" && (stage === "process" || error.code === "OUTPUT_LOST");
  const delayMs = decision.pauseTry === 0 ? 0 : backoffMs(decision.pauseTry, pause);
  return {
    kind: "retry",
    reason: error.code,
    delayMs: Math.max(delayMs, Math.min(error.retryAfterMs ?? 0, MAX_RETRY_AFTER_MS)),
    spends: decision.spends,
    dropDispatch: isServerFault || dispatch === undefined,
    keepSlot: !isServerFault && dispatch !== undefined && dispatch.phase !== "done",
  };
}

/** What fails in joining chunks that are all there would fail again and again. */
function stageOf(phase: RunPhase, { code }: TaskError): StageName {
  return phase === "join" && code === "INTERNAL" ? "process" : STAGE_OF[phase];
}

/** How long ago its prompt ended; with a film that is joined, at its lease, the last of its chunks. */
function sincePromptEndedMs({ heldTask, chunksEndedAt }: TaskRun): number {
  if (chunksEndedAt) return heldTask.leasedAt.getTime() - chunksEndedAt.getTime();
  return heldTask.dispatch?.phase === "done" ? heldTask.prompt.ageMs : 0;
}

/** Another server is tried at once. What this one did is remembered. */
function askAnother({ code, message }: TaskError, { serverId = "?" }: HeldTask): FailureOutcome {
  return {
    ...{ kind: "retry", reason: code, delayMs: 0, spends: "nothing" },
    ...{ dropDispatch: true, keepSlot: false },
    unclearFailure: { server: serverId, code, message },
  };
}

/** A task that failed on two servers is told so. */
function withFirstFailure(
  failed: Extract<FailureOutcome, { kind: "failed" }>,
  { isUnclear }: TaskError,
  { unclearFailure }: LeasedTask,
): FailureOutcome {
  if (!isUnclear || unclearFailure === undefined) return failed;
  const { server, message: first } = unclearFailure;
  const message = `${failed.error.message}; before, on server "${server}": ${first}`;
  return { ...failed, error: { ...failed.error, message } };
}

/**
 * The store was out of reach for longer than its calls were repeated. It is nobody's fault, and
 * everything is kept.
 */
function storeOutage(hasDispatch: boolean): FailureOutcome {
  return {
    kind: "retry",
    reason: "STORE_UNAVAILABLE",
    delayMs: STORE_OUTAGE_PAUSE_MS,
    spends: "nothing",
    dropDispatch: false,
    keepSlot: hasDispatch,
  };
}
