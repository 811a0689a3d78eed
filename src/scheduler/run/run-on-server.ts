import { TaskError } from "../../domain/errors.js";
import { memoryProfile } from "../../domain/memory-order.js";
import { defined } from "../../lib/defined.js";
import type { ReadyInput } from "../../pipeline/download-stage.js";
import {
  followDispatch,
  type ProcessContext,
  runNewPrompt,
  takeBack,
} from "../../pipeline/process-stage.js";
import { type EndedPrompt, UPLOAD_BEGUN } from "../../pipeline/upload-stage.js";
import { PromptTiming } from "../../pool/learned/prompt-timing.js";
import type { SlotRequest } from "../../pool/pool.js";
import type { PoolServer } from "../../pool/server/pool-server.js";
import { onlyVariant } from "../../workflow/variants.js";
import type { Workflow } from "../../workflow/workflow.js";
import { noteTimed } from "./note-timed.js";
import { LeaveQueue, QueueWatch } from "./queue-watch.js";
import type { RunContext, RunState } from "./run-context.js";
import { hasLowMemory } from "./servers-left.js";
import { slotRequest } from "./slot-request.js";
import { waitForServer } from "./wait-for-server.js";
import { waitForTurn } from "./wait-for-turn.js";

/** A run that has a server. */
export interface RunOnServer {
  readonly run: RunState;
  readonly server: PoolServer;
  readonly workflow: Workflow;
  /** Brings the input, where it is not here. */
  readonly input: () => Promise<ReadyInput>;
  /** How the server named an input that was sent to it ahead; undefined where it is not there. */
  readonly nameOn: (server: PoolServer, input: ReadyInput) => Promise<string | undefined>;
  /** Called when its prompt has ended well, before that is stored. */
  readonly onEnd: (prompt: EndedPrompt) => void;
}

/**
 * Brings a task's prompt on a server to its good end, a new one or one that the server has already,
 * and gives the slot back.
 *
 * @returns whether it has ended. If not, it only waited behind another prompt and was taken back: it
 *   may begin on the server whose slot the task holds now, or else on any other.
 */
export async function runOnServer(on: RunOnServer, context: RunContext): Promise<boolean> {
  const { run, server, workflow } = on;
  const { heldTask } = run;
  const startedAtMs = performance.now();
  const detail = `Processing with ${workflow.name}...`;
  heldTask.noteStage("process", { status: "running", progress: 0, durationMs: 0, detail });
  const onEnd = (prompt: EndedPrompt): void => {
    const durationMs = performance.now() - startedAtMs;
    const done = { progress: 100, durationMs, detail: "Processing complete" };
    heldTask.noteStage("process", { status: "success", ...done });
    heldTask.noteStage("upload", UPLOAD_BEGUN);
    on.onEnd(prompt);
  };
  if (!(await promptEnd(on, onEnd, context))) return false;
  context.pool.noteSuccess(server);
  return true;
}

/**
 * Runs or follows the prompt, again and again while what went wrong leaves this server a chance.
 *
 * @param onEnd called when it has ended well, before that is stored.
 */
async function promptEnd(
  on: RunOnServer,
  onEnd: (prompt: EndedPrompt) => void,
  context: RunContext,
): Promise<boolean> {
  const { heldTask } = on.run;
  using watch = new QueueWatch(context.pool, on.server, requestOf(on));
  for (;;) {
    const process = processContext(on, context, watch, onEnd);
    const { dispatch, prompt } = heldTask;
    try {
      if (dispatch === undefined) await submit(on, process, context);
      else await followDispatch(dispatch, process, heldTask, prompt.ageMs);
      return true;
    } catch (error) {
      if (!(error instanceof LeaveQueue)) await recover(on, error, context);
      else if (await leaveQueue(on, error)) return false;
      else watch.ignore();
    }
  }
}

async function submit(
  { run: { heldTask }, server, workflow, input, nameOn }: RunOnServer,
  process: ProcessContext,
  context: RunContext,
): Promise<void> {
  const { memoryFailures, task } = heldTask;
  const { isFreed, lowMemory } = memoryProfile(memoryFailures, hasLowMemory(heldTask, workflow));
  const ready = await input();
  if (isFreed) await free(server, heldTask.signal, context);
  const sentName = await nameOn(server, ready);
  await runNewPrompt(task, ready, { ...process, ...defined({ sentName }) }, heldTask, lowMemory);
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
  on: RunOnServer,
  { pool, store, stallMs, stallMinMs, serverLostMs, runMaxMs }: RunContext,
  watch: QueueWatch,
  onEnd: (prompt: EndedPrompt) => void,
): ProcessContext {
  const { run, server, workflow } = on;
  const { heldTask } = run;
  const { id: serverId, comfy, capability } = server;
  const timing = new PromptTiming(
    {
      ...{ learned: pool.learned, server, workflow: workflow.name, silenceMinMs: stallMinMs },
      prompt: noteTimed(heldTask, workflow),
      onLearned: () => pool.changed(),
    },
    heldTask.dispatch,
  );
  return {
    onEnd,
    turn: () => waitForTurn(server, heldTask, heldTask.signal),
    ...{ serverId, comfy, workflow, storeId: store.storeId, stallMs, timing, serverLostMs },
    ...defined({ capability, letGo: watch.signal, runMaxMs }),
    onSighting: (sighting) => {
      timing.noteSighting(sighting);
      watch.noteSighting(sighting);
    },
  };
}

/**
 * Takes the prompt back, to begin it elsewhere. One that runs already is no longer behind another.
 *
 * @returns whether it did.
 */
async function leaveQueue(
  { run: { heldTask }, server }: RunOnServer,
  { reservation }: LeaveQueue,
): Promise<boolean> {
  const { dispatch, signal } = heldTask;
  if (dispatch === undefined) return false;
  if (!(await takeBack(server.comfy, dispatch.promptId, signal))) return false;
  server.prompts.noteEnd(dispatch.promptId, "withdrawn");
  heldTask.prompt.forgetWithdrawn();
  if ((await reservation?.handOver()) === undefined) await heldTask.releaseSlot();
  return true;
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
  heldTask.prompt.forget();
}

/**
 * The server was waited for as long as it may still hold the prompt; it is waited for on as long as
 * no other one has room for the task anyway.
 */
async function awaitServer(
  on: RunOnServer,
  error: TaskError,
  { pool, logger }: RunContext,
): Promise<void> {
  const { server, workflow } = on;
  const { taskId, signal, variant } = on.run.heldTask;
  logger.warn({ taskId, server: server.id, err: error }, "server silent, waiting for it");
  pool.noteFault(server, "unreachable", error.message, taskId);
  const taken = variant === undefined ? workflow : onlyVariant(workflow, variant);
  const end = await waitForServer(pool, server, requestOf({ ...on, workflow: taken }), signal);
  if (end === "given_up") throw error;
}

function requestOf({ run, workflow }: RunOnServer): SlotRequest {
  return slotRequest(run.heldTask, workflow, (server) => run.suits(server));
}
