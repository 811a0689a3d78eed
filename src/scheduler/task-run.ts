import { setTimeout as sleep } from "node:timers/promises";
import { type ErrorCode, TaskError } from "../domain/errors.js";
import type { RetryLimits } from "../domain/retry-policy.js";
import type { Task } from "../domain/task.js";
import { backoffMs } from "../lib/backoff.js";
import type { Logger } from "../lib/logger.js";
import type { Semaphore } from "../lib/semaphore.js";
import {
  type DownloadContext,
  downloadStage,
  findInput,
  type ReadyInput,
} from "../pipeline/download-stage.js";
import {
  followDispatch,
  type ProcessContext,
  type ProcessedPrompt,
  runNewPrompt,
  takeBack,
} from "../pipeline/process-stage.js";
import { type UploadContext, uploadStage } from "../pipeline/upload-stage.js";
import type { WorkDir, WorkDirs } from "../pipeline/work-dir.js";
import type { Pool } from "../pool/pool.js";
import type { PoolServer } from "../pool/pool-server.js";
import type { TaskQueue } from "../store/task-queue.js";
import type { TaskReading } from "../store/task-reading.js";
import type { WorkflowArchive } from "../store/workflow-archive.js";
import type { WorkflowCatalog } from "../workflow/catalog.js";
import type { Workflow } from "../workflow/workflow.js";
import type { HeldTask } from "./held-task.js";
import { pinnedWorkflow } from "./pinned-workflow.js";
import { slotRequest } from "./slot-request.js";
import { ServerStuck, StuckServerWatch } from "./stuck-server.js";
import { waitForServer } from "./wait-for-server.js";

/**
 * What a run is doing: fetching its input, waiting for a slot, with its prompt on a server, storing its
 * result, keeping it until the storage works again, or cleaning up.
 */
export type RunPhase = "download" | "waiting" | "process" | "upload" | "kept" | "cleanup";

/** What every run works with. */
export interface RunContext {
  readonly store: TaskReading & TaskQueue & WorkflowArchive;
  readonly pool: Pool;
  readonly upload: UploadContext;
  readonly workDirs: WorkDirs;
  readonly catalog: WorkflowCatalog;
  readonly download: DownloadContext;
  readonly uploads: Semaphore;
  readonly stallMs: number;
  readonly serverLostMs: number;
  readonly runMaxMs?: number;
  readonly limits: RetryLimits;
  /** Called when a run has come to its next phase, so that there is room for others where it was. */
  readonly onPhase: () => void;
  readonly logger: Logger;
}

/** Failures of the place where results are kept, not of the server that made them. */
const STORAGE_CODES: ReadonlySet<ErrorCode> = new Set([
  "UPLOAD_FAILED",
  "STORAGE_REFUSED",
  "DISK_FULL",
]);
/** After so long the task is put back, so that another process may have better luck. */
const KEEP_MS = 600_000;
const KEEP_PAUSE_MAX_MS = 60_000;

/**
 * One leased task on its way: download (no slot held), a slot, its prompt on a server, the slot given
 * back when the prompt has ended, upload. It begins where the task is: with a recorded prompt at that
 * prompt, with a recorded output list at the upload.
 */
export class TaskRun {
  readonly task: Task;
  readonly heldTask: HeldTask;
  /** The server it is on; undefined while it is on none. */
  server: PoolServer | undefined;
  readonly #context: RunContext;
  #phase: RunPhase = "download";
  #slot: string | undefined;
  #isLowMemory = false;

  constructor(task: Task, heldTask: HeldTask, context: RunContext) {
    this.task = task;
    this.heldTask = heldTask;
    this.#slot = task.slot;
    this.#context = context;
  }

  get phase(): RunPhase {
    return this.#phase;
  }

  set phase(phase: RunPhase) {
    if (phase === this.#phase) return;
    this.#phase = phase;
    this.#context.onPhase();
  }

  /** Lets the pool know of the slot that the task holds already, after a restart or a takeover. */
  takeUpSlot(): void {
    if (this.#slot !== undefined)
      this.#context.pool.adopt(this.#slot, this.heldTask.fence, this.task.workflow);
  }

  /** Works on the task until its result is stored and settled. Throws whatever stops it. */
  async work(): Promise<void> {
    const { store, workDirs, catalog } = this.#context;
    const workflow = await pinnedWorkflow(this.task, catalog, store, this.heldTask.signal);
    if (this.heldTask.dispatch === undefined) this.#refuseHopeless(workflow);
    const workDir = await workDirs.open(this.task.taskId);
    const processed = await this.#processed(workflow, workDir);
    await this.#store(processed, workDir);
  }

  /** No server has what it needs, reachable or not: waiting would not end. */
  #refuseHopeless(workflow: Workflow): void {
    const lacks = this.#context.pool.lacks(workflow, this.task.parameters);
    if (lacks.length === 0) return;
    const message = `No server can run workflow "${workflow.name}": ${lacks.join("; ")}`;
    throw new TaskError("WORKFLOW_NOT_RUNNABLE", message);
  }

  async #processed(
    workflow: Workflow,
    workDir: WorkDir,
  ): Promise<Pick<ProcessedPrompt, "outputs">> {
    const { dispatch } = this.heldTask;
    this.server = dispatch && this.#context.pool.server(dispatch.server);
    if (dispatch?.phase === "done") {
      await this.#releaseSlot();
      return { outputs: dispatch.outputs ?? [] };
    }
    if (dispatch === undefined || this.server === undefined)
      await this.#findServer(workflow, workDir);
    return await this.#onServer(workflow, workDir);
  }

  async #findServer(workflow: Workflow, workDir: WorkDir): Promise<void> {
    const { task, heldTask } = this;
    heldTask.dispatch = undefined;
    await this.#releaseSlot();
    await this.#input(workDir);
    this.phase = "waiting";
    const request = slotRequest(task, heldTask.fence, workflow);
    const { server, slot } = await this.#context.pool.acquire(request, heldTask.signal);
    this.server = server;
    this.#slot = slot;
  }

  async #input(workDir: WorkDir): Promise<ReadyInput> {
    const found = await findInput(workDir);
    return (
      found ?? (await downloadStage(this.task, workDir, this.#context.download, this.heldTask))
    );
  }

  async #onServer(workflow: Workflow, workDir: WorkDir): Promise<ProcessedPrompt> {
    const server = this.#requireServer();
    this.phase = "process";
    const startedAtMs = performance.now();
    const detail = `Processing with ${workflow.name}...`;
    await this.heldTask.stage("process", { status: "running", progress: 0, durationMs: 0, detail });
    const processed = await this.#promptEnd(workflow, workDir);
    await this.#releaseSlot();
    this.#context.pool.noteSuccess(server, workflow.name, processed.runMs);
    const durationMs = performance.now() - startedAtMs;
    const done = {
      status: "success",
      progress: 100,
      durationMs,
      detail: "Processing complete",
    } as const;
    await this.heldTask.stage("process", done);
    return processed;
  }

  /** Runs or follows the prompt, again and again while what went wrong leaves this server a chance. */
  async #promptEnd(workflow: Workflow, workDir: WorkDir): Promise<ProcessedPrompt> {
    using stuckWatch = new StuckServerWatch(this.#context.pool, this.#requireServer());
    for (;;) {
      const context = this.#processContext(workflow, stuckWatch.signal);
      const { dispatch, dispatchedAtMs } = this.heldTask;
      try {
        if (dispatch === undefined) {
          const input = await this.#input(workDir);
          return await runNewPrompt(this.task, input, context, this.heldTask, this.#isLowMemory);
        }
        const investedMs = performance.now() - dispatchedAtMs;
        return await followDispatch(dispatch, context, this.heldTask, investedMs);
      } catch (error) {
        if (error instanceof ServerStuck) await this.#leaveStuckServer(stuckWatch, error);
        else await this.#recover(error, workflow);
      }
    }
  }

  #processContext(workflow: Workflow, letGo: AbortSignal | undefined): ProcessContext {
    const { store, stallMs, serverLostMs, runMaxMs } = this.#context;
    const { id: serverId, comfy } = this.#requireServer();
    return {
      ...{ serverId, comfy, workflow, storeId: store.storeId, stallMs, serverLostMs },
      ...(letGo !== undefined && { letGo }),
      ...(runMaxMs !== undefined && { runMaxMs }),
    };
  }

  /** Behind a prompt that never ends ours would wait for ever; one that runs already is no longer behind it. */
  async #leaveStuckServer(stuckWatch: StuckServerWatch, stuck: ServerStuck): Promise<void> {
    const { dispatch, signal } = this.heldTask;
    stuckWatch.ignore();
    if (dispatch === undefined) return;
    const isBack = await takeBack(this.#requireServer().comfy, dispatch.promptId, signal);
    if (isBack) throw new TaskError("SERVER_STUCK", stuck.message);
  }

  /** Makes what failed worth another look or another submission on the same server, or throws it on. */
  async #recover(error: unknown, workflow: Workflow): Promise<void> {
    const { dispatch } = this.heldTask;
    if (!(error instanceof TaskError) || dispatch === undefined) throw error;
    if (error.code === "SERVER_UNREACHABLE") return await this.#awaitServer(error, workflow);
    const isUnsent = error.code === "SERVER_LOST_PROMPT" && dispatch.phase === "intent";
    const mayUseLess = !dispatch.lowMemory && workflow.lowMemory !== undefined;
    const isLowMemoryNext = error.code === "OUT_OF_MEMORY" && mayUseLess;
    // Never sent, as far as the server knows: no fault, and the slot is ours.
    if (!isUnsent && !isLowMemoryNext) throw error;
    if (isLowMemoryNext) await this.#free();
    this.#isLowMemory ||= isLowMemoryNext;
    this.heldTask.dispatch = undefined;
  }

  /** A server that cannot do even that is found out by what follows. */
  async #free(): Promise<void> {
    const { comfy, id } = this.#requireServer();
    await comfy.free(this.heldTask.signal).catch((error: unknown) => {
      this.heldTask.signal.throwIfAborted();
      this.#context.logger.warn({ server: id, err: error }, "memory not freed");
    });
  }

  /**
   * The server was waited for as long as it may still hold the prompt; it is waited for on as long as
   * no other one has room for the task anyway.
   */
  async #awaitServer(error: TaskError, workflow: Workflow): Promise<void> {
    const { pool, logger } = this.#context;
    const server = this.#requireServer();
    const { taskId } = this.task;
    logger.warn({ taskId, server: server.id, err: error }, "server silent, waiting for it");
    pool.noteFault(server, "unreachable", error.message, taskId);
    const end = await waitForServer(pool, server, workflow, this.heldTask.signal);
    if (end === "given_up") throw error;
  }

  /**
   * Stores the result, again and again for a while where the storage fails: a task that stays in these
   * hands counts as backlog, so that no more results are made than there is room for.
   */
  async #store(processed: Pick<ProcessedPrompt, "outputs">, workDir: WorkDir): Promise<void> {
    const { limits, logger } = this.#context;
    const untilMs = performance.now() + Math.min(KEEP_MS, limits.uploadRetryMs);
    for (let tries = 1; ; tries += 1) {
      this.phase = "upload";
      try {
        return await this.#storeOnce(processed, workDir);
      } catch (error) {
        const isStorages = error instanceof TaskError && STORAGE_CODES.has(error.code);
        if (!isStorages || performance.now() >= untilMs) throw error;
        logger.warn({ taskId: this.task.taskId, tries, err: error }, "result not stored yet");
      }
      this.phase = "kept";
      await this.heldTask.stage("upload", { detail: "Waiting for the storage..." });
      const pauseMs = backoffMs(tries, { baseMs: limits.retryDelayMs, capMs: KEEP_PAUSE_MAX_MS });
      await sleep(pauseMs, undefined, { signal: this.heldTask.signal });
    }
  }

  async #storeOnce({ outputs }: Pick<ProcessedPrompt, "outputs">, workDir: WorkDir): Promise<void> {
    const { uploads, upload } = this.#context;
    using _place = await uploads.enter(this.heldTask.signal);
    const { task, heldTask, server } = this;
    const stored = await uploadStage(task, outputs, server?.comfy, upload, workDir, heldTask);
    const result = await heldTask.settle({ kind: "completed", outputs: stored });
    if (result !== "ok") {
      heldTask.end(result);
      heldTask.signal.throwIfAborted();
    }
  }

  async #releaseSlot(): Promise<void> {
    if (this.#slot !== undefined) await this.heldTask.releaseSlot();
    this.#slot = undefined;
    this.#context.pool.release(this.heldTask.fence);
  }

  #requireServer(): PoolServer {
    if (this.server === undefined) throw new Error("The run has no server");
    return this.server;
  }
}
