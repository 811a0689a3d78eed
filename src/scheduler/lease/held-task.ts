import { serverIdOf } from "../../domain/slot.js";
import type {
  Dispatch,
  InputFacts,
  Json,
  MemoryFailure,
  Stage,
  StageName,
  Task,
} from "../../domain/task.js";
import type { StageProgress, TaskJournal } from "../../pipeline/task-journal.js";
import type { TimedPrompt } from "../../pool/learned/learned-times.js";
import type { Pool, SlotTaker } from "../../pool/pool.js";
import type { Fence, Outcome, ProgressReport, WriteResult } from "../../store/task-queue.js";
import { HeldPrompt } from "./held-prompt.js";
import { type HolderStore, HolderWrites } from "./holder-writes.js";
import type { LeasedTask } from "./leased-task.js";
import { NO_NEWS } from "./noted-news.js";
import { persist } from "./persist.js";
import { reportOf } from "./report-of.js";
import { type LetGoReason, TaskLetGo } from "./task-let-go.js";

/** What a held task needs of the lease keeper. */
export interface LeaseProof {
  /** Renews the lease unless it is known to be fresh. Throws TaskLetGo if it cannot be proven. */
  prove(heldTask: HeldTask): Promise<void>;
}

/** What a held task works with. */
export interface HeldTaskContext {
  readonly store: HolderStore;
  readonly pool: Pick<Pool, "adopt" | "release">;
  readonly proof: LeaseProof;
  readonly leaseMs: number;
}

/**
 * One leased task in the hands of this process: its fence, its signal, and the writes that its run
 * may make. Only this object knows the task's slot, prompt and unfinished upload. A slot that the
 * task has from another process or an earlier lease is held from the beginning.
 */
export class HeldTask implements TaskJournal, SlotTaker, Disposable {
  readonly task: LeasedTask;
  readonly fence: Fence;
  readonly prompt: HeldPrompt;
  /** When it was leased, by the store's clock. */
  readonly leasedAt: Date;
  /** When the lease was last known to be ours, by the monotonic clock. */
  renewedAtMs = performance.now();
  /** When the task last came further, by the monotonic clock. */
  movedAtMs = performance.now();
  #noteSent: () => void = () => undefined;
  readonly sent = new Promise<void>((resolve) => {
    this.#noteSent = resolve;
  });
  #slot: string | undefined;
  #timed: TimedPrompt | undefined;
  #input: InputFacts | undefined;
  #uploadCheckpoint: Json | undefined;
  #takeovers: number;
  #memoryFailures: readonly MemoryFailure[];
  #report: ProgressReport | undefined;
  readonly #writes: HolderWrites;
  readonly #controller = new AbortController();
  readonly #context: HeldTaskContext;

  constructor(leased: Task, context: HeldTaskContext) {
    const { lease, cleanupPending, takeovers, memoryFailures = [], ...rest } = leased;
    const { input, dispatch, slot, uploadCheckpoint, variant, ...task } = rest;
    this.task = task;
    this.#input = input;
    this.fence = { taskId: task.taskId, epoch: task.epoch };
    this.#context = context;
    this.#writes = new HolderWrites(context.store, this);
    this.#takeovers = takeovers;
    this.#memoryFailures = memoryFailures;
    this.#uploadCheckpoint = uploadCheckpoint;
    if (lease === undefined) throw new Error("A task is held that is not leased");
    // The end of a lease that has just begun tells the store's time.
    this.leasedAt = new Date(lease.expiresAt.getTime() - context.leaseMs);
    this.prompt = new HeldPrompt(leased, this.leasedAt);
    if (dispatch !== undefined) this.#noteSent();
    this.#slot = slot;
    if (slot !== undefined) context.pool.adopt(slot, this);
  }

  get taskId(): string {
    return this.task.taskId;
  }

  get workflow(): string {
    return this.task.workflow;
  }

  /** How often the task made a server or a process fail since it last came further. */
  get takeovers(): number {
    return this.#takeovers;
  }

  /** Its prompts that ran out of memory, in their order. */
  get memoryFailures(): readonly MemoryFailure[] {
    return this.#memoryFailures;
  }

  /** Which variant of its workflow a server took last; undefined: none yet, or the workflow has none. */
  get variant(): string | undefined {
    return this.prompt.variant;
  }

  /** Where its prompt is, as last written. */
  get dispatch(): Omit<Dispatch, "at"> | undefined {
    return this.prompt.dispatch;
  }

  /** What was stored with its slot and is not sent yet. */
  get intent(): Omit<Dispatch, "at"> | undefined {
    return this.prompt.intent;
  }

  /** What its input turned out to be; undefined before that was found out. */
  get input(): InputFacts | undefined {
    return this.#input;
  }

  /** What decides how long its prompt takes, as far as that was noted. */
  get timed(): TimedPrompt | undefined {
    return this.#timed;
  }

  noteTimed(timed: TimedPrompt): void {
    this.#timed = timed;
  }

  get uploadCheckpoint(): Json | undefined {
    return this.#uploadCheckpoint;
  }

  /** The server that has the task's prompt or will get it; undefined while there is none. */
  get serverId(): string | undefined {
    return this.dispatch?.server ?? (this.#slot && serverIdOf(this.#slot));
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Why holding the task ended; undefined while it lasts. */
  get ended(): LetGoReason | undefined {
    const reason: unknown = this.signal.reason;
    return reason instanceof TaskLetGo ? reason.end : undefined;
  }

  /** Ends holding the task: aborts the signal. The first reason stays. */
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

  progress(progress: StageProgress): void {
    this.movedAtMs = performance.now();
    this.#report = reportOf(this.fence, progress);
  }

  async stage(name: StageName, patch: Partial<Stage>): Promise<void> {
    this.noteStage(name, patch);
    await this.flush();
  }

  noteStage(name: StageName, patch: Partial<Stage>): void {
    this.movedAtMs = performance.now();
    if (patch.status !== undefined) this.#report = undefined;
    if (patch.status === "success") this.#takeovers = 0;
    this.#writes.noteStage(name, patch);
  }

  noteInput(input: InputFacts): void {
    this.#writes.noteInput(input);
    this.#input = input;
  }

  addNotes(notes: readonly string[]): void {
    this.#writes.addNotes(notes);
  }

  async recordNotes(notes: readonly string[]): Promise<void> {
    this.addNotes(notes);
    await this.flush();
  }

  async recordDispatch(dispatch: Omit<Dispatch, "at">): Promise<void> {
    const freesSlot = dispatch.phase === "done";
    if (!this.prompt.isIntended(dispatch))
      await this.#writes.writeWithNews((store, news = NO_NEWS) =>
        store.recordDispatch(this.fence, dispatch, { ...news, freesSlot }),
      );
    this.prompt.noteWritten(dispatch);
    if (dispatch.phase === "sent") this.#noteSent();
    if (freesSlot) this.#leaveSlot();
  }

  /** Of a prompt that another holder recorded already nothing is new. */
  async recordMemoryFailure(failure: MemoryFailure): Promise<void> {
    await this.write((store) => store.recordMemoryFailure(this.fence, failure));
    const isKnown = this.#memoryFailures.some(({ promptId }) => promptId === failure.promptId);
    if (!isKnown) this.#memoryFailures = [...this.#memoryFailures, failure];
  }

  recordUpload(checkpoint: Json): Promise<void> {
    // Remembered before it is written: an upload that was begun must be given up even if the write
    // fails.
    this.#uploadCheckpoint = checkpoint;
    return this.write((store) => store.recordUpload(this.fence, checkpoint));
  }

  /** Binds a slot; one that it held before it holds no longer. The prompt that is foreseen there is stored with it. */
  async bindSlot(slot: string): Promise<"ok" | "busy"> {
    const intent = this.prompt.foresee(serverIdOf(slot));
    const result = await this.#writes.giveNews(
      (store, news) => store.bindSlot(this.fence, slot, news, intent),
      this.signal,
    );
    if (result === "busy") return "busy";
    this.#writes.letGoUnlessOk(result);
    this.signal.throwIfAborted();
    const before = this.#slot;
    this.#slot = slot;
    this.prompt.intent = intent;
    if (before !== undefined && before !== slot) this.#context.pool.release(before, this);
    return "ok";
  }

  /** Gives the task's slot back, if it holds one. @param prompt as with {@link TaskQueue.releaseSlot} */
  async releaseSlot(prompt?: "unsent"): Promise<void> {
    if (this.#slot === undefined) return;
    await this.write((store) => store.releaseSlot(this.fence, prompt));
    this.prompt.intent = undefined;
    this.#leaveSlot();
  }

  /** Nothing is done with the task here any more. Whether its slot is free for other processes, the store says. */
  [Symbol.dispose](): void {
    this.end("lost");
    this.#leaveSlot();
  }

  #leaveSlot(): void {
    if (this.#slot !== undefined) this.#context.pool.release(this.#slot, this);
    this.#slot = undefined;
    this.#noteSent();
  }

  /** Ends the lease. A lost race at that point is no news. */
  async settle(outcome: Outcome): Promise<WriteResult> {
    this.#report = undefined;
    return await this.#writes.giveNews((store, news) => store.settle(this.fence, outcome, news));
  }

  async finishCleanup(): Promise<void> {
    await persist(() => this.#context.store.finishCleanup(this.fence));
  }

  async proveLease(): Promise<void> {
    this.signal.throwIfAborted();
    await this.#context.proof.prove(this);
    this.signal.throwIfAborted();
  }

  /** Writes what only a holder may, with its fence. @throws TaskLetGo where it holds the task no longer */
  async write(write: (store: HolderStore) => Promise<WriteResult>): Promise<void> {
    await this.#writes.write(write);
  }

  /** Writes what was noted before the last call of this. @throws TaskLetGo where it holds the task no longer */
  async flushOld(): Promise<void> {
    await this.#writes.flushOld();
  }

  /** Writes at once what was noted. @throws TaskLetGo where it holds the task no longer */
  async flush(): Promise<void> {
    await this.#writes.flush();
  }
}
