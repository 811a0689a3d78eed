import { TaskError } from "../domain/errors.js";
import type { Task } from "../domain/task.js";
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
} from "../pipeline/process-stage.js";
import { type UploadContext, uploadStage } from "../pipeline/upload-stage.js";
import type { WorkDir, WorkDirs } from "../pipeline/work-dir.js";
import type { Pool } from "../pool/pool.js";
import type { PoolServer } from "../pool/pool-server.js";
import type { TaskStore } from "../store/task-store.js";
import type { WorkflowCatalog } from "../workflow/catalog.js";
import type { Workflow } from "../workflow/workflow.js";
import type { Holding } from "./holding.js";
import { pinnedWorkflow } from "./pinned-workflow.js";
import { waitForServer } from "./wait-for-server.js";

/** What a run is doing: fetching its input, waiting for a slot, with its prompt on a server, storing, or cleaning up. */
export type RunPhase = "download" | "waiting" | "process" | "upload" | "cleanup";

/** What every run works with. */
export interface RunContext {
  readonly store: TaskStore;
  readonly pool: Pool;
  readonly upload: UploadContext;
  readonly workDirs: WorkDirs;
  readonly catalog: WorkflowCatalog;
  readonly download: DownloadContext;
  readonly uploads: Semaphore;
  readonly stallMs: number;
  readonly serverLostMs: number;
  readonly logger: Logger;
}

/**
 * One leased task on its way: download (no slot held), a slot, its prompt on a server, the slot given
 * back when the prompt has ended, upload. It begins where the task is: with a recorded prompt at that
 * prompt, with a recorded output list at the upload.
 */
export class TaskRun {
  readonly task: Task;
  readonly holding: Holding;
  phase: RunPhase = "download";
  /** The server it is on; undefined while it is on none. */
  server: PoolServer | undefined;
  readonly #context: RunContext;
  #slot: string | undefined;
  #isLowMemory = false;

  constructor(task: Task, holding: Holding, context: RunContext) {
    this.task = task;
    this.holding = holding;
    this.#slot = task.slot;
    this.#context = context;
  }

  /** Works on the task until its result is stored and settled. Throws whatever stops it. */
  async work(): Promise<void> {
    const { store, workDirs, catalog } = this.#context;
    const workflow = await pinnedWorkflow(this.task, catalog, store);
    if (this.holding.dispatch === undefined) this.#refuseHopeless(workflow);
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
    const { dispatch } = this.holding;
    this.server = dispatch && this.#context.pool.server(dispatch.server);
    if (dispatch?.phase === "done") {
      await this.#releaseSlot();
      return { outputs: dispatch.outputs ?? [] };
    }
    if (dispatch !== undefined && this.server !== undefined) this.#adopt(this.server, workflow);
    else await this.#findServer(workflow, workDir);
    return await this.#onServer(workflow, workDir);
  }

  /** The prompt is on a server already: its slot is still the task's. */
  #adopt(server: PoolServer, workflow: Workflow): void {
    this.phase = "process";
    if (this.#slot !== undefined)
      this.#context.pool.adopt(server, this.#slot, this.task.taskId, workflow.name);
  }

  async #findServer(workflow: Workflow, workDir: WorkDir): Promise<void> {
    const { task, holding } = this;
    holding.dispatch = undefined;
    await this.#releaseSlot();
    await this.#input(workDir);
    this.phase = "waiting";
    const { parameters, priority, dueAt, bypassCount } = task;
    const request = {
      fence: holding.fence,
      workflow,
      ...{ parameters, priority, dueAt, bypassCount },
    };
    const { server, slot } = await this.#context.pool.acquire(request, holding.signal);
    this.server = server;
    this.#slot = slot;
  }

  async #input(workDir: WorkDir): Promise<ReadyInput> {
    const found = await findInput(workDir);
    return found ?? (await downloadStage(this.task, workDir, this.#context.download, this.holding));
  }

  async #onServer(workflow: Workflow, workDir: WorkDir): Promise<ProcessedPrompt> {
    const server = this.#requireServer();
    this.phase = "process";
    const startedAtMs = performance.now();
    const detail = `Processing with ${workflow.name}...`;
    await this.holding.stage("process", { status: "running", progress: 0, durationMs: 0, detail });
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
    await this.holding.stage("process", done);
    return processed;
  }

  /** Runs or follows the prompt, again and again while what went wrong leaves this server a chance. */
  async #promptEnd(workflow: Workflow, workDir: WorkDir): Promise<ProcessedPrompt> {
    const server = this.#requireServer();
    const { store, stallMs, serverLostMs } = this.#context;
    const context: ProcessContext = {
      serverId: server.id,
      comfy: server.comfy,
      workflow,
      storeId: store.storeId,
      stallMs,
      serverLostMs,
    };
    for (;;) {
      const { dispatch } = this.holding;
      try {
        if (dispatch !== undefined) return await followDispatch(dispatch, context, this.holding);
        const input = await this.#input(workDir);
        return await runNewPrompt(this.task, input, context, this.holding, this.#isLowMemory);
      } catch (error) {
        await this.#recover(error, workflow);
      }
    }
  }

  /** Makes what failed worth another look or another submission on the same server, or throws it on. */
  async #recover(error: unknown, workflow: Workflow): Promise<void> {
    const { dispatch } = this.holding;
    if (!(error instanceof TaskError) || dispatch === undefined) throw error;
    switch (error.code) {
      case "SERVER_UNREACHABLE":
        return await this.#awaitServer(error, workflow);
      case "SERVER_LOST_PROMPT":
        // Never sent, as far as the server knows: no fault, and the slot is ours.
        if (dispatch.phase !== "intent") throw error;
        this.holding.dispatch = undefined;
        return;
      case "OUT_OF_MEMORY":
        if (dispatch.lowMemory || workflow.lowMemory === undefined) throw error;
        await this.#requireServer().comfy.free(this.holding.signal);
        this.#isLowMemory = true;
        this.holding.dispatch = undefined;
        return;
      default:
        throw error;
    }
  }

  /**
   * The server was waited for as long as it may still hold the prompt; it is waited for on as long as
   * no other one could take the task anyway.
   */
  async #awaitServer(error: TaskError, workflow: Workflow): Promise<void> {
    const { pool, logger } = this.#context;
    const server = this.#requireServer();
    const { taskId } = this.task;
    logger.warn({ taskId, server: server.id, err: error }, "server silent, waiting for it");
    pool.noteFault(server, "unreachable", error.message);
    const end = await waitForServer(pool, server, workflow, this.holding.signal);
    if (end === "given_up") throw error;
  }

  async #store({ outputs }: Pick<ProcessedPrompt, "outputs">, workDir: WorkDir): Promise<void> {
    this.phase = "upload";
    const { uploads, upload } = this.#context;
    using _place = await uploads.enter(this.holding.signal);
    const { task, holding, server } = this;
    const stored = await uploadStage(task, outputs, server?.comfy, upload, workDir, holding);
    const result = await holding.settle({ kind: "completed", outputs: stored });
    if (result !== "ok") {
      holding.end(result);
      holding.signal.throwIfAborted();
    }
  }

  async #releaseSlot(): Promise<void> {
    if (this.#slot !== undefined) await this.holding.releaseSlot();
    this.#slot = undefined;
    this.#context.pool.release(this.task.taskId);
  }

  #requireServer(): PoolServer {
    if (this.server === undefined) throw new Error("The run has no server");
    return this.server;
  }
}
