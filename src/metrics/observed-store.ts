import { toTaskError } from "../domain/errors.js";
import type { Dispatch, InputFacts, Json, Stage, StageName, Task } from "../domain/task.js";
import type { CreateResult, Idempotency, NewTask } from "../store/task-intake.js";
import type {
  Fence,
  HeartbeatResult,
  LeaseRequest,
  OrphanScope,
  Outcome,
  ProgressReport,
  WriteResult,
} from "../store/task-queue.js";
import type { ListRequest, TaskChange, TaskCounts, TaskPage } from "../store/task-reading.js";
import type { TaskStore } from "../store/task-store.js";

/** Every call that is timed, by the name that the metrics know it by. */
export const STORE_CALLS = [
  "create",
  "replay",
  "get",
  "list",
  "counts",
  "queue_age",
  "cancel",
  "lease",
  "lease_orphan",
  "next_due_at",
  "heartbeat",
  "bind_slot",
  "release_slot",
  "record_dispatch",
  "update_stage",
  "record_input",
  "record_upload",
  "settle",
  "finish_cleanup",
  "held_slots",
  "purge",
  "save_workflow",
  "load_workflow",
] as const;
export type StoreCall = (typeof STORE_CALLS)[number];

/** Told of what is done with the tasks of a store by this process. */
export interface StoreObserver {
  /** Every call, when it has ended. @param errorCode of one that threw. */
  called(call: StoreCall, seconds: number, errorCode?: string): void;
  leased(task: Task): void;
  stageEnded(name: StageName, seconds: number): void;
  dispatched(fence: Fence, dispatch: Omit<Dispatch, "at">): void;
  /** A lease has ended as its holder wished. */
  settled(fence: Fence, outcome: Outcome): void;
  /** A client's cancel has made a task terminal. */
  canceled(): void;
  /** A canceled task's server is free of it. */
  cleanedUp(fence: Fence): void;
  /** A write was refused, or a heartbeat answered, because the lease is another's. */
  lost(fence: Fence): void;
}

/** A store that tells an observer what went through it, and is otherwise the one it stands for. */
export class ObservedStore implements TaskStore {
  readonly #store: TaskStore;
  readonly #observer: StoreObserver;

  constructor(store: TaskStore, observer: StoreObserver) {
    this.#store = store;
    this.#observer = observer;
  }

  get storeId(): string {
    return this.#store.storeId;
  }

  create(task: NewTask, maxPendingCount?: number): Promise<CreateResult> {
    return this.#timed("create", () => this.#store.create(task, maxPendingCount));
  }

  replay(idempotency: Idempotency): Promise<CreateResult | undefined> {
    return this.#timed("replay", () => this.#store.replay(idempotency));
  }

  get(taskId: string): Promise<Task | undefined> {
    return this.#timed("get", () => this.#store.get(taskId));
  }

  list(request: ListRequest): Promise<TaskPage> {
    return this.#timed("list", () => this.#store.list(request));
  }

  counts(): Promise<TaskCounts> {
    return this.#timed("counts", () => this.#store.counts());
  }

  queueAgeMs(): Promise<number> {
    return this.#timed("queue_age", () => this.#store.queueAgeMs());
  }

  async cancel(taskId: string): ReturnType<TaskStore["cancel"]> {
    const result = await this.#timed("cancel", () => this.#store.cancel(taskId));
    if (result === "canceled") this.#observer.canceled();
    return result;
  }

  subscribe(listener: (change: TaskChange) => void): () => void {
    return this.#store.subscribe(listener);
  }

  async lease(request: LeaseRequest): Promise<Task | undefined> {
    return this.#leased(await this.#timed("lease", () => this.#store.lease(request)));
  }

  async leaseOrphan(
    owner: string,
    leaseMs: number,
    scope?: OrphanScope,
  ): Promise<Task | undefined> {
    const lease = () => this.#store.leaseOrphan(owner, leaseMs, scope);
    return this.#leased(await this.#timed("lease_orphan", lease));
  }

  nextDueAt(): Promise<Date | undefined> {
    return this.#timed("next_due_at", () => this.#store.nextDueAt());
  }

  async heartbeat(
    owner: string,
    leaseMs: number,
    reports: readonly ProgressReport[],
  ): Promise<HeartbeatResult> {
    const beat = () => this.#store.heartbeat(owner, leaseMs, reports);
    const result = await this.#timed("heartbeat", beat);
    for (const fence of result.lost) this.#observer.lost(fence);
    return result;
  }

  bindSlot(fence: Fence, slot: string): Promise<WriteResult | "busy"> {
    return this.#write("bind_slot", fence, () => this.#store.bindSlot(fence, slot));
  }

  releaseSlot(fence: Fence): Promise<WriteResult> {
    return this.#write("release_slot", fence, () => this.#store.releaseSlot(fence));
  }

  async recordDispatch(fence: Fence, dispatch: Omit<Dispatch, "at">): Promise<WriteResult> {
    const record = () => this.#store.recordDispatch(fence, dispatch);
    const result = await this.#write("record_dispatch", fence, record);
    if (result === "ok") this.#observer.dispatched(fence, dispatch);
    return result;
  }

  async updateStage(
    fence: Fence,
    name: StageName,
    patch: Partial<Stage>,
    progress?: number,
  ): Promise<WriteResult> {
    const update = () => this.#store.updateStage(fence, name, patch, progress);
    const result = await this.#write("update_stage", fence, update);
    if (result === "ok" && patch.status === "success" && patch.durationMs !== undefined)
      this.#observer.stageEnded(name, patch.durationMs / 1000);
    return result;
  }

  recordInput(fence: Fence, input: InputFacts): Promise<WriteResult> {
    return this.#write("record_input", fence, () => this.#store.recordInput(fence, input));
  }

  recordUpload(fence: Fence, checkpoint: Json): Promise<WriteResult> {
    return this.#write("record_upload", fence, () => this.#store.recordUpload(fence, checkpoint));
  }

  async settle(fence: Fence, outcome: Outcome): Promise<WriteResult> {
    const settle = () => this.#store.settle(fence, outcome);
    const result = await this.#write("settle", fence, settle);
    if (result === "ok") this.#observer.settled(fence, outcome);
    return result;
  }

  async finishCleanup(fence: Fence): Promise<WriteResult> {
    const finish = () => this.#store.finishCleanup(fence);
    const result = await this.#write("finish_cleanup", fence, finish);
    if (result === "ok") this.#observer.cleanedUp(fence);
    return result;
  }

  heldSlots(): ReturnType<TaskStore["heldSlots"]> {
    return this.#timed("held_slots", () => this.#store.heldSlots());
  }

  purge(retentionMs: number, limit: number): Promise<number> {
    return this.#timed("purge", () => this.#store.purge(retentionMs, limit));
  }

  saveWorkflow(version: string, content: Json): Promise<void> {
    return this.#timed("save_workflow", () => this.#store.saveWorkflow(version, content));
  }

  loadWorkflow(version: string): Promise<Json | undefined> {
    return this.#timed("load_workflow", () => this.#store.loadWorkflow(version));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#store[Symbol.asyncDispose]();
  }

  #leased(task: Task | undefined): Task | undefined {
    if (task !== undefined) this.#observer.leased(task);
    return task;
  }

  async #write<T>(call: StoreCall, fence: Fence, write: () => Promise<T>): Promise<T> {
    const result = await this.#timed(call, write);
    if (result === "lost") this.#observer.lost(fence);
    return result;
  }

  async #timed<T>(call: StoreCall, run: () => Promise<T>): Promise<T> {
    const startedAtMs = performance.now();
    const seconds = (): number => (performance.now() - startedAtMs) / 1000;
    try {
      const result = await run();
      this.#observer.called(call, seconds());
      return result;
    } catch (error) {
      this.#observer.called(call, seconds(), toTaskError(error).code);
      throw error;
    }
  }
}
