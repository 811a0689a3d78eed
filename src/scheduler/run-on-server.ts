import { TaskError } from "../domain/errors.js";
import { memoryProfile } from "../domain/memory-order.js";
import { defined } from "../lib/defined.js";
import type { ReadyInput } from "../pipeline/download-stage.js";
import {
  followDispatch,
  type ProcessContext,
  type ProcessedPrompt,
  runNewPrompt,
  takeBack,
} from "../pipeline/process-stage.js";
import type { PoolServer } from "../pool/pool-server.js";
import { onlyVariant } from "../workflow/variants.js";
import type { Workflow } from "../workflow/workflow.js";
import type { RunContext, RunState } from "./run-context.js";
import { hasLowMemory } from "./servers-left.js";
import { ServerStuck, StuckServerWatch } from "./stuck-server.js";
import { waitForServer } from "./wait-for-server.js";
import { waitForTurn } from "./wait-for-turn.js";

/** A run that has a server. */
export interface RunOnServer {
  readonly run: RunState;
  readonly server: PoolServer;
  readonly workflow: Workflow;
  /** Brings the input, where it is not here. */
  readonly input: () => Promise<ReadyInput>;
}

/**
 * Brings a task's prompt on a server to its good end, a new one or one that the server has already,
 * and gives the slot back.
 */
export async function runOnServer(on: RunOnServer, context: RunContext): Promise<void> {
  const { run, server, workflow } = on;
  const { heldTask } = run;
  const startedAtMs = performance.now();
  const detail = `Processing with ${workflow.name}...`;
  await heldTask.stage("process", { status: "running", progress: 0, durationMs: 0, detail });
  const { runMs } = await promptEnd(on, context);
  await heldTask.releaseSlot();
  context.pool.noteSuccess(server, workflow.name, runMs);
  const durationMs = performance.now() - startedAtMs;
  const done = { progress: 100, durationMs, detail: "Processing complete" };
  await heldTask.stage("process", { status: "success", ...done });
}

/** Runs or follows the prompt, again and again while what went wrong leaves this server a chance. */
async function promptEnd(on: RunOnServer, context: RunContext): Promise<ProcessedPrompt> {
  const { heldTask } = on.run;
  using stuckWatch = new StuckServerWatch(context.pool, on.server);
  for (;;) {
    const process = processContext(on, context, stuckWatch.signal);
    const { dispatch, dispatchAgeMs } = heldTask;
    try {
      if (dispatch === undefined) return await submit(on, process, context);
      return await followDispatch(dispatch, process, heldTask, dispatchAgeMs);
    } catch (error) {
      if (error instanceof ServerStuck) await leaveStuckServer(on, stuckWatch, error);
      else await recover(on, error, context);
    }
  }
}

async function submit(
  { run: { heldTask }, server, workflow, input }: RunOnServer,
  process: ProcessContext,
  context: RunContext,
): Promise<ProcessedPrompt> {
  const { memoryFailures, task } = heldTask;
  const { isFreed, lowMemory } = memoryProfile(memoryFailures, hasLowMemory(heldTask, workflow));
  const ready = await input();
  if (isFreed) await free(server, heldTask.signal, context);
  return await runNewPrompt(task, ready, process, heldTask, lowMemory);
}

/** A server that cannot do even that is found out by what follows. */
async function free(
  { comfy, id }: PoolServer,
  signal: AbortSignal,
  { logger }: RunContext,
): Promise<void> {
  await comfy.free(signal).catch((error: unknown) => {
    signal.throwIfAborted();
    logger.warn({ server: id, err: error }, "memory not freed");
  });
}

function processContext(
  { run: { heldTask }, server, workflow }: RunOnServer,
  { store, stallMs, serverLostMs, runMaxMs }: RunContext,
  letGo: AbortSignal | undefined,
): ProcessContext {
  const { id: serverId, comfy, capability } = server;
  const { storeId } = store;
  return {
    turn: () => waitForTurn(server, heldTask, heldTask.signal),
    ...{ serverId, comfy, workflow, storeId, stallMs, serverLostMs },
    ...defined({ capability, letGo, runMaxMs }),
  };
}

/** Behind a prompt that never ends ours would wait for ever; one that runs already is no longer behind it. */
async function leaveStuckServer(
  { run: { heldTask }, server }: RunOnServer,
  stuckWatch: StuckServerWatch,
  stuck: ServerStuck,
): Promise<void> {
  const { dispatch, signal } = heldTask;
  stuckWatch.ignore();
  if (dispatch === undefined) return;
  const isBack = await takeBack(server.comfy, dispatch.promptId, signal);
  if (isBack) throw new TaskError("SERVER_STUCK", stuck.message);
}

/** Makes what failed worth another look or another submission on the same server, or throws it on. */
async function recover(on: RunOnServer, error: unknown, context: RunContext): Promise<void> {
  const { heldTask } = on.run;
  const { dispatch } = heldTask;
  if (!(error instanceof TaskError) || dispatch === undefined) throw error;
  if (error.code === "SERVER_UNREACHABLE") return await awaitServer(on, error, context);
  const isUnsent = error.code === "SERVER_LOST_PROMPT" && dispatch.phase === "intent";
  if (!isUnsent) throw error;
  // Never sent, as far as the server knows: no fault, and the slot is ours.
  heldTask.forgetDispatch();
}

/**
 * The server was waited for as long as it may still hold the prompt; it is waited for on as long as
 * no other one has room for the task anyway.
 */
async function awaitServer(
  { run, server, workflow }: RunOnServer,
  error: TaskError,
  { pool, logger }: RunContext,
): Promise<void> {
  const { taskId, signal, variant } = run.heldTask;
  logger.warn({ taskId, server: server.id, err: error }, "server silent, waiting for it");
  pool.noteFault(server, "unreachable", error.message, taskId);
  const suits = (other: PoolServer): boolean => run.suits(other);
  const taken = variant === undefined ? workflow : onlyVariant(workflow, variant);
  const end = await waitForServer(pool, server, taken, signal, suits);
  if (end === "given_up") throw error;
}
