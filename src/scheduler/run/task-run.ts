import type { ColourDepth } from "../../domain/colour-depth.js";
import { TaskError } from "../../domain/errors.js";
import { defined } from "../../lib/defined.js";
import type { ReadyInput } from "../../pipeline/download-stage.js";
import { FetchedAhead } from "../../pipeline/fetched-ahead.js";
import type { EndedPrompt } from "../../pipeline/upload-stage.js";
import type { WorkDir } from "../../pipeline/work-dir.js";
import type { PoolServer } from "../../pool/server/pool-server.js";
import { missingFor } from "../../workflow/check/missing-for.js";
import { onlyVariant } from "../../workflow/variants.js";
import type { Workflow } from "../../workflow/workflow.js";
import type { HeldTask } from "../lease/held-task.js";
import type { LeasedTask } from "../lease/leased-task.js";
import { cutIfLong } from "./film/cut-if-long.js";
import { joinChunks } from "./film/join-chunks.js";
import { keepsDepth } from "./film/keeps-depth.js";
import { splitOverfull } from "./film/split-chunk.js";
import { findServer } from "./find-server.js";
import { noteTimed } from "./note-timed.js";
import { pinnedWorkflow } from "./pinned-workflow.js";
import type { RunContext, RunPhase, RunState } from "./run-context.js";
import { RunInput } from "./run-input.js";
import { runOnServer } from "./run-on-server.js";
import { outOfMemory, serversLeft } from "./servers-left.js";
import { storeResult } from "./store-result.js";

/**
 * One leased task on its way: its download, a slot, its prompt on a server, the
 * slot given back when the prompt has ended, the upload. It begins where the task is: at a recorded
 * prompt, or with a recorded output list at the upload.
 */
export class TaskRun implements RunState {
  readonly heldTask: HeldTask;
  /** The workflow that it runs; undefined until it is known. */
  workflow: Workflow | undefined;
  chunksEndedAt?: Date;
  readonly #context: RunContext;
  /** By what a server said of itself, once all is known. */
  readonly #fit = new WeakMap<object, boolean>();
  #phase: RunPhase = "download";
  readonly #input: RunInput;
  readonly #result = new FetchedAhead();

  constructor(heldTask: HeldTask, context: RunContext) {
    this.heldTask = heldTask;
    this.#context = context;
    this.#input = new RunInput(this, context);
  }

  get task(): LeasedTask {
    return this.heldTask.task;
  }

  get server(): PoolServer | undefined {
    const { serverId } = this.heldTask;
    return serverId === undefined ? undefined : this.#context.pool.server(serverId);
  }

  /** Those that have files of it, as far as this run knows. */
  get serversWithFiles(): ReadonlySet<PoolServer> {
    return new Set([...this.#input.sentTo, ...(this.server ? [this.server] : [])]);
  }

  get picture(): Promise<void> | undefined {
    return this.#input.picture;
  }

  get fetched(): Promise<void> | undefined {
    return this.#result.ended;
  }

  get phase(): RunPhase {
    return this.#phase;
  }

  set phase(phase: RunPhase) {
    if (phase === this.#phase) return;
    this.#phase = phase;
    this.#context.onPhase();
  }

  /** Whether a server will do for the task: it may have failed, or run out of memory, elsewhere. */
  suits(server: PoolServer): boolean {
    const { heldTask, workflow } = this;
    const left = workflow && serversLeft(heldTask, workflow, this.#context.pool);
    if (left !== undefined && !left.includes(server)) return false;
    return this.#isFit(server);
  }

  /** Whether a server has what a film asks beside its workflow: it picks frames, and keeps all colours. */
  #isFit({ capability }: PoolServer): boolean {
    const { workflow, task, depth } = this;
    if (task.chunk === undefined && depth === undefined) return true;
    if (capability === undefined || workflow === undefined) return true;
    const known = this.#fit.get(capability);
    if (known !== undefined) return known;
    const picks =
      task.chunk === undefined ||
      missingFor(workflow, capability, task.parameters, true).length === 0;
    const isFit = picks && keepsDepth(capability, workflow, task.parameters, depth);
    this.#fit.set(capability, isFit);
    return isFit;
  }

  /** What is to be kept of its colours, as far as it was found out by now. */
  get depth(): ColourDepth | undefined {
    return this.task.chunk?.depth ?? this.heldTask.input?.depth;
  }

  /**
   * Works on the task until its result is stored and settled, or until it is a film of which all pieces
   * are stored. Throws whatever stops it.
   */
  async work(): Promise<"completed" | "cut"> {
    await using _input = this.#input;
    await using _result = this.#result;
    return await this.#work();
  }

  async #work(): Promise<"completed" | "cut"> {
    const { heldTask, task } = this;
    const { store, workDirs, catalog } = this.#context;
    const workDir = workDirs.open(task.taskId);
    // The input of a new one is asked for before that.
    if (heldTask.dispatch !== undefined || task.film !== undefined) workDir.make();
    if (task.film?.phase === "join") {
      await joinChunks(this, workDir, this.#context);
      return "completed";
    }
    const pinned = await pinnedWorkflow(task, catalog, store, heldTask.signal);
    this.workflow = this.#takenVariant(pinned);
    noteTimed(heldTask, this.workflow);
    if (heldTask.dispatch === undefined) this.#refuseHopeless(this.workflow);
    if (await this.#isCut(pinned, workDir)) return "cut";
    await this.#process(pinned, workDir).catch((error: unknown) => this.#split(error, pinned));
    await storeResult(this, workDir, () => this.#input.bring(workDir), this.#context);
    return "completed";
  }

  /** A film that is too long for one prompt becomes several chunks, each of which is run like a task. */
  async #isCut(workflow: Workflow, workDir: WorkDir): Promise<boolean> {
    const { type, chunk } = this.task;
    if (type !== "video" || chunk !== undefined || this.heldTask.dispatch !== undefined)
      return false;
    const input = await this.#input.bring(workDir);
    return await cutIfLong({ run: this, input, workflow, workDir }, this.#context);
  }

  /**
   * A server took a prompt of one variant: another prompt is of the same one, as long as a server of
   * the pool can run it or may come to. All chunks of a film are of one, whatever comes.
   */
  #takenVariant(pinned: Workflow): Workflow {
    const { variant, task } = this.heldTask;
    if (variant === undefined) return pinned;
    const only = onlyVariant(pinned, variant);
    if (task.chunk !== undefined) return only;
    return this.#context.pool.lacks(only, task.parameters).length === 0 ? only : pinned;
  }

  /** No server has what it needs, reachable or not: waiting would not end. */
  #refuseHopeless(workflow: Workflow): void {
    const lacks = this.#context.pool.lacks(workflow, this.task.parameters);
    if (lacks.length === 0) return;
    const message = `No server can run workflow "${workflow.name}": ${lacks.join("; ")}`;
    throw new TaskError("WORKFLOW_NOT_RUNNABLE", message);
  }

  async #process(pinned: Workflow, workDir: WorkDir): Promise<void> {
    const { heldTask } = this;
    if (heldTask.dispatch?.phase === "done") return await heldTask.releaseSlot();
    const input = (): Promise<ReadyInput> => this.#input.bring(workDir);
    for (let server = heldTask.dispatch && this.server; ; server = this.#keptServer()) {
      const workflow = this.#takenVariant(pinned);
      this.workflow = workflow;
      server ??= await this.#findServer(workflow, workDir);
      this.phase = "process";
      const nameOn = this.#input.nameOn.bind(this.#input);
      const { comfy } = server;
      const onEnd = (prompt: EndedPrompt): void =>
        this.#result.begin(prompt, comfy, workDir, heldTask);
      const on = { ...{ run: this, server, workflow, input }, nameOn, onEnd };
      try {
        const hasEnded = await runOnServer(on, this.#context);
        if (hasEnded) return;
      } catch (error) {
        await this.#noteOutOfMemory(error, server, workflow);
      }
    }
  }

  /** A chunk that fits into no server's memory becomes two. @throws what it was given, or that the task is let go. */
  async #split(error: unknown, workflow: Workflow): Promise<never> {
    const isMemory = error instanceof TaskError && error.code === "OUT_OF_MEMORY";
    if (isMemory) await splitOverfull(this.heldTask, workflow);
    throw error;
  }

  async #findServer(workflow: Workflow, workDir: WorkDir): Promise<PoolServer> {
    const { heldTask } = this;
    heldTask.prompt.forget();
    await heldTask.releaseSlot();
    this.phase = "download";
    const search = { run: this, input: this.#input, workflow, workDir };
    return await findServer(search, this.#context);
  }

  /**
   * The server whose slot it has: where a prompt ran out of memory that is to be tried again there, or
   * where one is to begin that left another server's queue.
   */
  #keptServer(): PoolServer | undefined {
    const { server } = this;
    return server && this.suits(server) ? server : undefined;
  }

  /** Makes a prompt that ran out of memory one that another follows, in the order of `memory-order.ts`, or throws. */
  async #noteOutOfMemory(error: unknown, server: PoolServer, workflow: Workflow): Promise<void> {
    const { heldTask } = this;
    const { pool, logger } = this.#context;
    const { taskId, dispatch } = heldTask;
    const isMemory = error instanceof TaskError && error.code === "OUT_OF_MEMORY";
    if (!isMemory || dispatch === undefined) throw error;
    const { promptId, lowMemory } = dispatch;
    const { id, memory } = server;
    await heldTask.recordMemoryFailure({ promptId, server: id, ...defined({ memory, lowMemory }) });
    const left = serversLeft(heldTask, workflow, pool);
    logger.warn({ taskId, server: id, lowMemory, err: error }, "out of memory");
    if (left?.length === 0) throw outOfMemory(heldTask, workflow, left, error);
    heldTask.prompt.forget();
  }
}
