import { setTimeout as sleep } from "node:timers/promises";
import { type ErrorCode, TaskError, toTaskError } from "../../domain/errors.js";
import { type Chunk, filmFolder } from "../../domain/film.js";
import { isTerminal } from "../../domain/task.js";
import { backoffMs } from "../../lib/backoff.js";
import { filmObjects } from "../../pipeline/film/film-objects.js";
import { stopPrompt } from "../../pipeline/process-stage.js";
import { discardUpload } from "../../pipeline/store-output.js";
import type { PoolServer } from "../../pool/server/pool-server.js";
import type { FaultKind } from "../../pool/server/server-health.js";
import type { HeldTask } from "../lease/held-task.js";
import { TaskLetGo } from "../lease/task-let-go.js";
import { decideOutcome } from "./decide-outcome.js";
import { endFilm } from "./film/end-film.js";
import type { RunContext } from "./run-context.js";
import { stopOnServer } from "./stop-on-server.js";
import type { TaskRun } from "./task-run.js";

/** What ending a run works with. */
export interface EndContext extends RunContext {
  /** Aborted when the process stops. The next process does what is not done by then. */
  readonly stopSignal: AbortSignal;
}

const CLEANUP_PAUSE = { baseMs: 200, capMs: 5_000 };
/** Limits stopping a prompt that has taken too long: the server may no longer react. */
const STOP_LIMIT_MS = 5_000;
/** Limits removing a finished prompt from a server's history, which is a courtesy. */
const FORGET_LIMIT_MS = 5_000;
/** Limits telling the object storage to drop an unfinished upload. */
const DISCARD_LIMIT_MS = 30_000;

const FAULT_KINDS: ReadonlyMap<ErrorCode, FaultKind> = new Map([
  ["SERVER_UNREACHABLE", "unreachable"],
  ["SERVER_FAULT", "fault"],
  ["SERVER_STUCK", "fault"],
  ["CUDA_FAULT", "needs_restart"],
]);

/** Does a run's work and then what its end asks for. Never throws for expected failures. */
export async function runToEnd(run: TaskRun, context: EndContext): Promise<void> {
  using _slot = run.heldTask;
  using _server = closedOnCancel(run, context);
  try {
    if (isTerminal(run.task.status)) return await cleanUp(run, context);
    const end = await run.work();
    context.logger.info({ taskId: run.task.taskId, server: run.server?.id }, `task ${end}`);
    noteCompleted(run, context);
    await tidy(run, context);
  } catch (error) {
    await endRun(error, run, context);
  }
}

/**
 * Keeps tasks from the server of a prompt from the moment on at which it is canceled: what its run has to end
 * before it stops the prompt may take a while.
 */
function closedOnCancel(run: TaskRun, { pool }: EndContext): Disposable {
  const { signal } = run.heldTask;
  let closed: Disposable | undefined;
  const close = (): void => {
    const { ended, dispatch } = run.heldTask;
    const isOnServer = dispatch !== undefined && dispatch.phase !== "done";
    if (ended === "canceled" && isOnServer && run.server) closed = pool.close(run.server);
  };
  signal.addEventListener("abort", close, { once: true });
  return {
    [Symbol.dispose]: () => {
      signal.removeEventListener("abort", close);
      closed?.[Symbol.dispose]();
    },
  };
}

/** The server can run the workflow; and one that the task failed on before was to blame for that. */
function noteCompleted({ task, server }: TaskRun, { pool }: EndContext): void {
  const { workflow, unclearFailure } = task;
  server?.workflowFaults.noteSuccess(workflow);
  if (unclearFailure === undefined) return;
  const { server: failed, message } = unclearFailure;
  pool.noteRefuted(failed, workflow, message);
}

async function endRun(error: unknown, run: TaskRun, context: EndContext): Promise<void> {
  const end = error instanceof TaskLetGo ? error.end : run.heldTask.ended;
  switch (end) {
    case "canceled":
      return await cleanUp(run, context);
    case "stopping":
      await run.heldTask.settle({ kind: "handed_back" });
      return;
    case "lost":
      return await leaveLost(run, context);
    case "terminal":
      // A chunk has failed the film: its objects are ours to remove as long as we hold it.
      if (isSeveral(run)) await cleanUp(run, context);
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
  const isOverdue = error.code === "SERVER_STUCK" || error.code === "TASK_TIMEOUT";
  if (isOverdue && server !== undefined) await stopOverdue(run, server, context);
  const outcome = decideOutcome(error, blamesTask, run, context);
  const result = await run.heldTask.settle(outcome);
  if (result === "canceled") return await cleanUp(run, context);
  if (result !== "ok") return;
  if (outcome.kind === "failed" || outcome.dropDispatch) await discard(run, context);
  if (outcome.kind === "failed") await tidy(run, context);
}

/** Tells the pool of a server's fault. @returns whether it is held against the task too. */
function blame(error: TaskError, run: TaskRun, { pool }: EndContext): boolean {
  const { server, task, phase } = run;
  const { dispatch } = run.heldTask;
  const isRefusal = error.code === "SERVER_FAULT" && dispatch?.phase !== "sent";
  const kind = isRefusal ? "refusal" : FAULT_KINDS.get(error.code);
  if (kind === undefined || server === undefined || phase !== "process") return true;
  if (error.trouble?.concerns === "workflow") {
    pool.noteTrouble(server, task.workflow, error.message);
    return true;
  }
  const blamesTask = pool.noteFault(server, kind, error.message, task.taskId);
  // The server failed before it heard of the prompt.
  return blamesTask && dispatch !== undefined;
}

/**
 * Stops a prompt that took too long. If the prompt does not stop, its server gets no task until the
 * prompt has ended.
 */
async function stopOverdue(
  run: TaskRun,
  server: PoolServer,
  { pool, stopSignal, logger }: EndContext,
): Promise<void> {
  const { dispatch, taskId } = run.heldTask;
  if (dispatch === undefined) return;
  try {
    const signal = AbortSignal.any([stopSignal, AbortSignal.timeout(STOP_LIMIT_MS)]);
    await stopOnServer(pool, server, dispatch.promptId, signal);
  } catch (error) {
    logger.warn({ taskId, server: server.id, err: error }, "overdue prompt does not end");
    pool.noteStuck(server, dispatch.promptId, `Server "${server.id}" does not stop a prompt`);
  }
}

/**
 * Another process has the task now. A prompt of ours that it does not know of, because the lease ran
 * out while we sent it, must not run for nobody.
 */
async function leaveLost(run: TaskRun, context: EndContext): Promise<void> {
  const { store, pool, stopSignal, logger } = context;
  const { server } = run;
  const { dispatch, taskId } = run.heldTask;
  if (dispatch === undefined || dispatch.phase === "done" || server === undefined) return;
  try {
    const current = await store.getUnit(taskId);
    if (current?.dispatch?.promptId === dispatch.promptId) return;
    await stopOnServer(pool, server, dispatch.promptId, stopSignal);
  } catch (error) {
    logger.warn({ taskId, err: error }, "prompt of a lost task not stopped");
  }
}

/**
 * Frees the server of a canceled task's prompt, however long the server takes to answer. Only then
 * gives the slot back: until then nothing else may run there. An unfinished upload is discarded
 * first: the store forgets it with the cleanup.
 */
async function cleanUp(run: TaskRun, context: EndContext): Promise<void> {
  const isFilm = isSeveral(run);
  run.phase = "cleanup";
  const { server } = run;
  const { dispatch } = run.heldTask;
  if (server !== undefined && dispatch !== undefined && dispatch.phase !== "done") {
    const isFree = await freeOf(dispatch.promptId, server, run.heldTask.taskId, context);
    if (!isFree) return;
  }
  await discard(run, context);
  if (run.task.chunk !== undefined) await removeResult(run.task.chunk, dispatch, context);
  if (isFilm) await endFilm(run.task.taskId, context);
  if (context.stopSignal.aborted) return;
  await run.heldTask.finishCleanup();
  await removeFiles(run, context);
}

/** A canceled chunk may have stored its result when the objects of its film were removed already. */
async function removeResult(
  { film, index }: Chunk,
  dispatch: HeldTask["dispatch"],
  { upload, stopSignal, logger }: EndContext,
): Promise<void> {
  if (dispatch?.phase !== "done") return;
  const prefix = filmObjects.result(film, index, dispatch.promptId, "");
  try {
    for await (const { key } of upload.storage.list(filmFolder(film), stopSignal))
      if (key.startsWith(prefix)) await upload.storage.remove(key, stopSignal);
  } catch (error) {
    logger.warn({ taskId: film, err: error }, "result of a canceled chunk not removed");
  }
}

/** Whether it is a film that runs as several chunks. */
function isSeveral({ task, phase }: TaskRun): boolean {
  return task.film !== undefined || phase === "cut";
}

/** @returns whether the server is free of the prompt; false when the process stops before that */
async function freeOf(
  promptId: string,
  server: PoolServer,
  taskId: string,
  { pool, stopSignal, logger }: EndContext,
): Promise<boolean> {
  using _closed = pool.close(server);
  for (let tries = 1; ; tries += 1) {
    try {
      await stopPrompt(server.comfy, promptId, stopSignal);
      return true;
    } catch (error) {
      if (stopSignal.aborted) return false;
      logger.info({ taskId, server: server.id, err: error }, "canceled prompt not stopped yet");
      if (error instanceof TaskError && error.code === "SERVER_STUCK")
        pool.noteStuck(server, promptId, error.message);
    }
    const pauseMs = backoffMs(tries, CLEANUP_PAUSE);
    await sleep(pauseMs, undefined, { signal: stopSignal }).catch(() => undefined);
  }
}

/** Removes the task's files from the work directory, and from its servers' folders if mounted. */
async function removeFiles(run: TaskRun, { workDirs }: EndContext): Promise<void> {
  const { taskId } = run.task;
  await workDirs.remove(taskId);
  for (const { folders } of run.serversWithFiles) await folders?.remove(taskId);
}

async function discard({ heldTask, task }: TaskRun, context: EndContext): Promise<void> {
  try {
    const signal = AbortSignal.any([context.stopSignal, AbortSignal.timeout(DISCARD_LIMIT_MS)]);
    await discardUpload(heldTask.uploadCheckpoint, context.upload, signal);
  } catch (error) {
    context.logger.warn({ taskId: task.taskId, err: error }, "unfinished upload not discarded");
  }
}

/** After a terminal status: the files go, and the server may forget the prompt. */
async function tidy(run: TaskRun, context: EndContext): Promise<void> {
  const { logger } = context;
  const { taskId, dispatch } = run.heldTask;
  await removeFiles(run, context);
  if (dispatch === undefined || run.server === undefined) return;
  try {
    await run.server.comfy.deleteHistory(dispatch.promptId, AbortSignal.timeout(FORGET_LIMIT_MS));
  } catch (error) {
    logger.debug({ taskId, server: run.server.id, err: error }, "history entry not deleted");
  }
}
