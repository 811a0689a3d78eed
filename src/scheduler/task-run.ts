import { TaskError } from "../domain/errors.js";
import { downloadStage, findInput, type ReadyInput } from "../pipeline/download-stage.js";
import {
  followDispatch,
  type ProcessContext,
  type ProcessedPrompt,
  runNewPrompt,
  takeBack,
} from "../pipeline/process-stage.js";
import type { WorkDir } from "../pipeline/work-dir.js";
import type { PoolServer } from "../pool/pool-server.js";
import { graphNamed, onlyVariant } from "../workflow/variants.js";
import type { Workflow } from "../workflow/workflow.js";
import type { HeldTask, LeasedTask } from "./held-task.js";
import { pinnedWorkflow } from "./pinned-workflow.js";
import type { RunContext, RunPhase, RunState } from "./run-context.js";
import { slotRequest } from "./slot-request.js";
import { storeResult } from "./store-result.js";
import { ServerStuck, StuckServerWatch } from "./stuck-server.js";
import { waitForServer } from "./wait-for-server.js";
import { waitForTurn } from "./wait-for-turn.js";

/**
 * One leased task on its way: download (no slot held), a slot, its prompt on a server, the slot given
 * back when the prompt has ended, upload. It begins where the task is: with a recorded prompt at that
 * prompt, with a recorded output list at the upload.
 */
export class TaskRun implements RunState {
  readonly heldTask: HeldTask;
  /** What it runs; undefined until that is known. */
  workflow: Workflow | undefined;
  readonly #context: RunContext;
  #phase: RunPhase = "download";
  #isLowMemory = false;

  constructor(heldTask: HeldTask, context: RunContext) {
    this.heldTask = heldTask;
    this.#context = context;
  }

  get task(): LeasedTask {
    return this.heldTask.task;
  }

  get server(): PoolServer | undefined {
    const { serverId } = this.heldTask;
    return serverId === undefined ? undefined : this.#context.pool.server(serverId);
  }

  get phase(): RunPhase {
    return this.#phase;
  }

  set phase(phase: RunPhase) {
    if (phase === this.#phase) return;
    this.#phase = phase;
    this.#context.onPhase();
  }

  /** Works on the task until its result is stored and settled. Throws whatever stops it. */
  async work(): Promise<void> {
    const { store, workDirs, catalog } = this.#context;
    const pinned = await pinnedWorkflow(this.task, catalog, store, this.heldTask.signal);
    const workflow = this.#takenVariant(pinned);
    this.workflow = workflow;
    if (this.heldTask.dispatch === undefined) this.#refuseHopeless(workflow);
    const workDir = await workDirs.open(this.task.taskId);
    await this.#process(workflow, workDir);
    await storeResult(this, workDir, this.#context);
  }

  /**
   * A server took a prompt of one variant: another prompt is of the same one, as long as a server of
   * the pool can run it or may come to.
   */
  #takenVariant(workflow: Workflow): Workflow {
    const { variant, parameters } = this.task;
    if (variant === undefined) return workflow;
    const only = onlyVariant(workflow, variant);
    return this.#context.pool.lacks(only, parameters).length === 0 ? only : workflow;
  }

  /** No server has what it needs, reachable or not: waiting would not end. */
  #refuseHopeless(workflow: Workflow): void {
    const lacks = this.#context.pool.lacks(workflow, this.task.parameters);
    if (lacks.length === 0) return;
    const message = `No server can run workflow "${workflow.name}": ${lacks.join("; ")}`;
    throw new TaskError("WORKFLOW_NOT_RUNNABLE", message);
  }

  async #process(workflow: Workflow, workDir: WorkDir): Promise<void> {
    const { dispatch } = this.heldTask;
    if (dispatch?.phase === "done") return await this.heldTask.releaseSlot();
    const server =
      dispatch === undefined || this.server === undefined
        ? await this.#findServer(workflow, workDir)
        : this.server;
    await this.#onServer(server, workflow, workDir);
  }

  async #findServer(workflow: Workflow, workDir: WorkDir): Promise<PoolServer> {
    const { heldTask } = this;
    heldTask.forgetDispatch();
    await heldTask.releaseSlot();
    await this.#input(workDir);
    this.phase = "waiting";
    return await this.#context.pool.acquire(slotRequest(heldTask, workflow), heldTask.signal);
  }

  async #input(workDir: WorkDir): Promise<ReadyInput> {
    const found = await findInput(workDir);
    return (
      found ?? (await downloadStage(this.task, workDir, this.#context.download, this.heldTask))
    );
  }

  async #onServer(server: PoolServer, workflow: Workflow, workDir: WorkDir): Promise<void> {
    this.phase = "process";
    const startedAtMs = performance.now();
    const detail = `Processing with ${workflow.name}...`;
    await this.heldTask.stage("process", { status: "running", progress: 0, durationMs: 0, detail });
    const { runMs } = await this.#promptEnd(server, workflow, workDir);
    await this.heldTask.releaseSlot();
    this.#context.pool.noteSuccess(server, workflow.name, runMs);
    const durationMs = performance.now() - startedAtMs;
    const done = {
      status: "success",
      progress: 100,
      durationMs,
      detail: "Processing complete",
    } as const;
    await this.heldTask.stage("process", done);
  }

  /** Runs or follows the prompt, again and again while what went wrong leaves this server a chance. */
  async #promptEnd(
    server: PoolServer,
    workflow: Workflow,
    workDir: WorkDir,
  ): Promise<ProcessedPrompt> {
    using stuckWatch = new StuckServerWatch(this.#context.pool, server);
    for (;;) {
      const context = this.#processContext(server, workflow, stuckWatch.signal);
      const { dispatch, dispatchAgeMs } = this.heldTask;
      try {
        if (dispatch === undefined) {
          const input = await this.#input(workDir);
          return await runNewPrompt(this.task, input, context, this.heldTask, this.#isLowMemory);
        }
        return await followDispatch(dispatch, context, this.heldTask, dispatchAgeMs);
      } catch (error) {
        if (error instanceof ServerStuck) await this.#leaveStuckServer(server, stuckWatch, error);
        else await this.#recover(server, error, workflow);
      }
    }
  }

  #processContext(
    server: PoolServer,
    workflow: Workflow,
    letGo: AbortSignal | undefined,
  ): ProcessContext {
    const { heldTask } = this;
    const { id: serverId, comfy, capability } = server;
    const { store, stallMs, serverLostMs, runMaxMs } = this.#context;
    return {
      turn: () => waitForTurn(server, heldTask, heldTask.signal),
      ...{ serverId, comfy, workflow, storeId: store.storeId, stallMs, serverLostMs },
      ...(capability !== undefined && { capability }),
      ...(letGo !== undefined && { letGo }),
      ...(runMaxMs !== undefined && { runMaxMs }),
    };
  }

  /** Behind a prompt that never ends ours would wait for ever; one that runs already is no longer behind it. */
  async #leaveStuckServer(
    { comfy }: PoolServer,
    stuckWatch: StuckServerWatch,
    stuck: ServerStuck,
  ): Promise<void> {
    const { dispatch, signal } = this.heldTask;
    stuckWatch.ignore();
    if (dispatch === undefined) return;
    const isBack = await takeBack(comfy, dispatch.promptId, signal);
    if (isBack) throw new TaskError("SERVER_STUCK", stuck.message);
  }

  /** Makes what failed worth another look or another submission on the same server, or throws it on. */
  async #recover(server: PoolServer, error: unknown, workflow: Workflow): Promise<void> {
    const { dispatch } = this.heldTask;
    if (!(error instanceof TaskError) || dispatch === undefined) throw error;
    if (error.code === "SERVER_UNREACHABLE")
      return await this.#awaitServer(server, error, workflow);
    const isUnsent = error.code === "SERVER_LOST_PROMPT" && dispatch.phase === "intent";
    const { lowMemory } = graphNamed(workflow, dispatch.variant);
    const mayUseLess = !dispatch.lowMemory && lowMemory !== undefined;
    const isLowMemoryNext = error.code === "OUT_OF_MEMORY" && mayUseLess;
    // Never sent, as far as the server knows: no fault, and the slot is ours.
    if (!isUnsent && !isLowMemoryNext) throw error;
    if (isLowMemoryNext) await this.#free(server);
    this.#isLowMemory ||= isLowMemoryNext;
    this.heldTask.forgetDispatch();
  }

  /** A server that cannot do even that is found out by what follows. */
  async #free({ comfy, id }: PoolServer): Promise<void> {
    await comfy.free(this.heldTask.signal).catch((error: unknown) => {
      this.heldTask.signal.throwIfAborted();
      this.#context.logger.warn({ server: id, err: error }, "memory not freed");
    });
  }

  /**
   * The server was waited for as long as it may still hold the prompt; it is waited for on as long as
   * no other one has room for the task anyway.
   */
  async #awaitServer(server: PoolServer, error: TaskError, workflow: Workflow): Promise<void> {
    const { pool, logger } = this.#context;
    const { taskId } = this.task;
    logger.warn({ taskId, server: server.id, err: error }, "server silent, waiting for it");
    pool.noteFault(server, "unreachable", error.message, taskId);
    const end = await waitForServer(pool, server, workflow, this.heldTask.signal);
    if (end === "given_up") throw error;
  }
}
