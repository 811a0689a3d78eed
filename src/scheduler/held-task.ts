import { overallProgress } from "../domain/overall-progress.js";
import type { Dispatch, InputFacts, Json, Stage, StageName, Task } from "../domain/task.js";
import type { StageProgress, TaskJournal } from "../pipeline/task-journal.js";
import type {
  Fence,
  Outcome,
  ProgressReport,
  TaskQueue,
  WriteResult,
} from "../store/task-queue.js";
import { persist } from "./persist.js";

/** Why a task is no longer worked on here. */
export type LetGoReason = "lost" | "canceled" | "terminal" | "stopping";

/** Thrown inside a run, as the reason of its signal, when the task must be let go. */
export class TaskLetGo extends Error {
  override readonly name = "TaskLetGo";
  readonly end: LetGoReason;

  constructor(end: LetGoReason) {
    super(`The task is no longer worked on here: ${end}`);
    this.end = end;
  }
}

/** What a held task needs of the lease keeper. */
export interface LeaseProof {
  /** Renews the lease if it is not known to be fresh; throws TaskLetGo when it cannot be proven. */
  prove(heldTask: HeldTask): Promise<void>;
}

/** One leased task in the hands of this process: its fence, its signal and what may be written of it. */
export class HeldTask implements TaskJournal {
  readonly fence: Fence;
  readonly taskId: string;
  /** When the lease was last known to be ours, by the monotonic clock. */
  renewedAtMs = performance.now();
  /** Where the task's prompt is, as last written. */
  dispatch: Omit<Dispatch, "at"> | undefined;
  /** When it was written, by the monotonic clock: how much a server has put into the prompt by now. */
  dispatchedAtMs = performance.now();
  /** When the task last came further, by the monotonic clock. */
  movedAtMs = performance.now();
  /** What an unfinished upload can be discarded with. */
  uploadCheckpoint: Json | undefined;
  #report: ProgressReport | undefined;
  readonly #controller = new AbortController();
  readonly #store: TaskQueue;
  readonly #proof: LeaseProof;

  constructor(task: Task, store: TaskQueue, proof: LeaseProof) {
    this.taskId = task.taskId;
    this.fence = { taskId: task.taskId, epoch: task.epoch };
    this.#store = store;
    this.#proof = proof;
    this.dispatch = task.dispatch;
    if (task.dispatch !== undefined)
      this.dispatchedAtMs -= Math.max(0, Date.now() - task.dispatch.at.getTime());
    this.uploadCheckpoint = task.uploadCheckpoint;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Why it ended; undefined while it lasts. */
  get ended(): LetGoReason | undefined {
    const reason: unknown = this.signal.reason;
    return reason instanceof TaskLetGo ? reason.end : undefined;
  }

  /** Ends it: aborts the signal. The first reason stays. */
  end(reason: LetGoReason): void {
    this.#controller.abort(new TaskLetGo(reason));
  }

  /** The news since the last call, for the heartbeat. */
  takeReport(): ProgressReport | undefined {
    const report = this.#report;
    this.#report = undefined;
    return report;
  }

  get hasNews(): boolean {
    return this.#report !== undefined;
  }

  progress({ stage, ratio, detail, runningNode }: StageProgress): void {
    this.movedAtMs = performance.now();
    const progress = Math.round(Math.min(1, Math.max(0, ratio)) * 1000) / 10;
    this.#report = {
      ...this.fence,
      stage: { name: stage, progress, ...(detail !== undefined && { detail }) },
      progress: overallProgress(stage, ratio),
      ...(runningNode !== undefined && { runningNode }),
    };
  }

  stage(name: StageName, patch: Partial<Stage>): Promise<void> {
    this.movedAtMs = performance.now();
    if (patch.status !== undefined) this.#report = undefined;
    const progress =
      patch.progress === undefined ? undefined : overallProgress(name, patch.progress / 100);
    return this.#write(() => this.#store.updateStage(this.fence, name, patch, progress));
  }

  recordInput(input: InputFacts): Promise<void> {
    return this.#write(() => this.#store.recordInput(this.fence, input));
  }

  async recordDispatch(dispatch: Omit<Dispatch, "at">): Promise<void> {
    await this.#write(() => this.#store.recordDispatch(this.fence, dispatch));
    if (dispatch.promptId !== this.dispatch?.promptId) this.dispatchedAtMs = performance.now();
    this.dispatch = dispatch;
  }

  recordUpload(checkpoint: Json): Promise<void> {
    this.uploadCheckpoint = checkpoint;
    return this.#write(() => this.#store.recordUpload(this.fence, checkpoint));
  }

  releaseSlot(): Promise<void> {
    return this.#write(() => this.#store.releaseSlot(this.fence));
  }

  /** Ends the lease; a lost race is no news by then. */
  async settle(outcome: Outcome): Promise<WriteResult> {
    this.#report = undefined;
    return await persist(() => this.#store.settle(this.fence, outcome));
  }

  async finishCleanup(): Promise<void> {
    await persist(() => this.#store.finishCleanup(this.fence));
  }

  async proveLease(): Promise<void> {
    this.signal.throwIfAborted();
    await this.#proof.prove(this);
    this.signal.throwIfAborted();
  }

  async #write(write: () => Promise<WriteResult>): Promise<void> {
    this.signal.throwIfAborted();
    const result = await persist(write, this.signal);
    if (result === "ok") return;
    this.end(result);
    this.signal.throwIfAborted();
  }
}
