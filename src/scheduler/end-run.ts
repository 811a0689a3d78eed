import { setTimeout as sleep } from "node:timers/promises";
import { type TaskError, toTaskError } from "../domain/errors.js";
import { decideRetry, type RetryLimits } from "../domain/retry-policy.js";
import { backoffMs } from "../lib/backoff.js";
import { stopPrompt } from "../pipeline/process-stage.js";
import { discardUpload } from "../pipeline/upload-stage.js";
import type { FaultKind, PoolServer } from "../pool/pool-server.js";
import type { Outcome } from "../store/task-store.js";
import { HoldingEnded } from "./holding.js";
import type { RunContext, TaskRun } from "./task-run.js";

/** What ending a run works with. */
export interface EndContext extends RunContext {
  readonly limits: RetryLimits;
  /** Aborted when the process stops: what is not done by then is left to the next one. */
  readonly stopSignal: AbortSignal;
}

const MAX_RETRY_PAUSE_MS = 300_000;
const CLEANUP_PAUSE = { baseMs: 200, capMs: 5_000 };
/** For removing a finished prompt from a server's history, a courtesy. */
const FORGET_LIMIT_MS = 5_000;
/** For telling the object storage to drop an unfinished upload. */
const DISCARD_LIMIT_MS = 30_000;

/** Does a run's work and whatever its end asks for; never throws for what can happen. */
export async function runToEnd(run: TaskRun, context: EndContext): Promise<void> {
  try {
    if (run.task.status === "canceled") return await cleanUp(run, context);
    await run.work();
    context.logger.info({ taskId: run.task.taskId, server: run.server?.id }, "task completed");
    await tidy(run, context);
  } catch (error) {
    await endRun(error, run, context);
  } finally {
    context.pool.release(run.task.taskId);
  }
}

async function endRun(error: unknown, run: TaskRun, context: EndContext): Promise<void> {
  const end = error instanceof HoldingEnded ? error.end : run.holding.ended;
  switch (end) {
    case "canceled":
      return await cleanUp(run, context);
    case "stopping":
      await run.holding.settle({ kind: "handed_back" });
      return;
    case "lost":
      return await leaveLost(run, context);
    case "terminal":
      return;
    case undefined:
      return await settleFailure(error, run, context);
  }
}

async function settleFailure(thrown: unknown, run: TaskRun, context: EndContext): Promise<void> {
  const error = toTaskError(thrown);
  const { task, server, phase } = run;
  const level = error.code === "INTERNAL" ? "error" : "warn";
  const { taskId, attempt } = task;
  context.logger[level](
    { taskId, attempt, phase, server: server?.id, code: error.code, err: error },
    "attempt failed",
  );
  const blamesTask = blame(error, run, context);
  if (error.code === "SERVER_STUCK" && server !== undefined) await stopStuck(run, server, context);
  const outcome = decideOutcome(error, blamesTask, run, context.limits);
  const result = await run.holding.settle(outcome);
  if (result === "canceled") await cleanUp(run, context);
  else if (outcome.kind === "failed") {
    await discard(run, context);
    await tidy(run, context);
  }
}

/** Tells the pool of a server's fault. @returns whether it is held against the task too. */
function blame(error: TaskError, { server, task, phase }: TaskRun, { pool }: EndContext): boolean {
  const kind = faultKind(error);
  if (kind === undefined || server === undefined || phase !== "process") return true;
  return pool.noteFault(server, kind, error.message, task.taskId);
}

function faultKind(error: TaskError): FaultKind | undefined {
  switch (error.code) {
    case "SERVER_UNREACHABLE":
      return "unreachable";
    case "CUDA_FAULT":
      return "needs_restart";
    case "SERVER_FAULT":
    case "SERVER_STUCK":
      return "fault";
    default:
      return undefined;
  }
}

function decideOutcome(
  error: TaskError,
  blamesTask: boolean,
  run: TaskRun,
  limits: RetryLimits,
): Outcome {
  const { task, holding, phase } = run;
  const stage = phase === "download" || phase === "upload" ? phase : "process";
  const endedAt = task.dispatch?.phase === "done" ? task.dispatch.at.getTime() : Date.now();
  const sincePromptEndedMs = Math.max(0, Date.now() - endedAt);
  const decision = decideRetry(error, { task, stage, sincePromptEndedMs, blamesTask }, limits);
  if (decision.kind === "failed") return decision;
  const pause = { baseMs: limits.retryDelayMs, capMs: MAX_RETRY_PAUSE_MS };
  const isServerFault =
    error.family === "server" && (stage === "process" || error.code === "OUTPUT_LOST");
  const delayMs = decision.pauseTry === 0 ? 0 : backoffMs(decision.pauseTry, pause);
  const { dispatch } = holding;
  return {
    kind: "retry",
    reason: error.code,
    delayMs: Math.max(delayMs, error.retryAfterMs ?? 0),
    spends: decision.spends,
    dropDispatch: isServerFault || dispatch === undefined,
    keepSlot: !isServerFault && dispatch !== undefined && dispatch.phase !== "done",
  };
}

/** A prompt that does not move is stopped if it lets itself be; its server is in quarantine either way. */
async function stopStuck(
  run: TaskRun,
  server: PoolServer,
  { stopSignal, logger }: EndContext,
): Promise<void> {
  const { dispatch } = run.holding;
  if (dispatch === undefined) return;
  try {
    await stopPrompt(server.comfy, dispatch.promptId, stopSignal);
  } catch (error) {
    logger.warn(
      { taskId: run.task.taskId, server: server.id, err: error },
      "stuck prompt does not end",
    );
  }
}

/**
 * Another process has the task now. A prompt of ours that it does not know of, because the lease ran
 * out while we sent it, must not run for nobody.
 */
async function leaveLost(run: TaskRun, { store, stopSignal, logger }: EndContext): Promise<void> {
  const { dispatch, taskId } = run.holding;
  if (dispatch === undefined || dispatch.phase === "done" || run.server === undefined) return;
  try {
    const current = await store.get(taskId);
    if (current?.dispatch?.promptId === dispatch.promptId) return;
    await stopPrompt(run.server.comfy, dispatch.promptId, stopSignal);
  } catch (error) {
    logger.warn({ taskId, err: error }, "prompt of a lost task not stopped");
  }
}

/**
 * Frees the server of a canceled task's prompt, however long it takes for the server to answer, and
 * only then gives the slot back: until then nothing else may run there.
 */
async function cleanUp(run: TaskRun, context: EndContext): Promise<void> {
  run.phase = "cleanup";
  const { pool, stopSignal, logger } = context;
  const { taskId, dispatch } = run.holding;
  const server = dispatch && pool.server(dispatch.server);
  if (server !== undefined && dispatch !== undefined && dispatch.phase !== "done") {
    for (let tries = 1; ; tries += 1) {
      try {
        await stopPrompt(server.comfy, dispatch.promptId, stopSignal);
        break;
      } catch (error) {
        if (stopSignal.aborted) return;
        logger.info({ taskId, server: server.id, err: error }, "canceled prompt not stopped yet");
        await sleep(backoffMs(tries, CLEANUP_PAUSE), undefined, { signal: stopSignal }).catch(
          () => undefined,
        );
      }
    }
  }
  await run.holding.finishCleanup();
  await discard(run, context);
  await removeFiles(run, context);
}

/** Removes what the task has in the work directory, and on its server where its folders are at hand. */
async function removeFiles({ server, task }: TaskRun, { workDirs }: EndContext): Promise<void> {
  await workDirs.remove(task.taskId);
  await server?.folders?.remove(task.taskId);
}

async function discard({ holding, task }: TaskRun, context: EndContext): Promise<void> {
  try {
    const signal = AbortSignal.timeout(DISCARD_LIMIT_MS);
    await discardUpload(holding.uploadCheckpoint, context.upload, signal);
  } catch (error) {
    context.logger.warn({ taskId: task.taskId, err: error }, "unfinished upload not discarded");
  }
}

/** After a terminal status: the files go, and the server may forget the prompt. */
async function tidy(run: TaskRun, context: EndContext): Promise<void> {
  const { logger } = context;
  const { taskId, dispatch } = run.holding;
  await removeFiles(run, context);
  if (dispatch === undefined || run.server === undefined) return;
  try {
    await run.server.comfy.deleteHistory(dispatch.promptId, AbortSignal.timeout(FORGET_LIMIT_MS));
  } catch (error) {
    logger.debug({ taskId, server: run.server.id, err: error }, "history entry not deleted");
  }
}
