import { toTaskError } from "../domain/errors.js";
import { isChunkId } from "../domain/film.js";
import type { Dispatch, StageName, Task } from "../domain/task.js";
import type { Fence, NewLease, Outcome, StageNews } from "../store/task-queue.js";
import type { TaskStore } from "../store/task-store.js";

/** The methods of a store that call the database. */
type TimedMethod = {
  [M in keyof TaskStore & string]: TaskStore[M] extends (...args: never[]) => Promise<unknown>
    ? M
    : never;
}[keyof TaskStore & string];

/** The name of each call in the metrics. */
const CALL_NAMES = {
  create: "create",
  createTogether: "create_together",
  replay: "replay",
  get: "get",
  list: "list",
  counts: "counts",
  queueAgeMs: "queue_age",
  position: "position",
  follow: "follow",
  cancel: "cancel",
  lease: "lease",
  leaseOrphan: "lease_orphan",
  nextDueInMs: "next_due",
  heartbeat: "heartbeat",
  bindSlot: "bind_slot",
  releaseSlot: "release_slot",
  recordDispatch: "record_dispatch",
  recordMemoryFailure: "record_memory_failure",
  updateStage: "update_stage",
  recordInput: "record_input",
  recordNotes: "record_notes",
  recordUpload: "record_upload",
  settle: "settle",
  finishCleanup: "finish_cleanup",
  getUnit: "get_unit",
  addChunks: "add_chunks",
  chunks: "chunks",
  splitChunk: "split_chunk",
  endChunks: "end_chunks",
  listExpired: "list_expired",
  deleteEnded: "delete_ended",
  leaseDuty: "lease_duty",
  saveWorkflow: "save_workflow",
  loadWorkflow: "load_workflow",
  loadTimes: "load_times",
  saveTimes: "save_times",
} as const satisfies Record<TimedMethod, string>;

export type StoreCall = (typeof CALL_NAMES)[TimedMethod];

/** The names of all timed calls in the metrics. */
export const STORE_CALLS: readonly StoreCall[] = Object.values(CALL_NAMES);

/** Is told what this process does with the tasks of a store. */
export interface StoreObserver {
  /**
   * Called for every call when it has ended. @param errorCode code of the error, if the call threw
   * one.
   */
  called(call: StoreCall, seconds: number, errorCode?: string): void;
  leased(task: Task): void;
  stageEnded(name: StageName, seconds: number): void;
  dispatched(fence: Fence, dispatch: Omit<Dispatch, "at">): void;
  /** A holder has settled a lease. */
  settled(fence: Fence, outcome: Outcome): void;
  /** A client's cancel has made a task terminal. */
  canceled(): void;
  /** A canceled task no longer occupies a server. */
  cleanedUp(fence: Fence): void;
  /** A lease belongs to another holder. A refused write or a heartbeat showed it. */
  lost(fence: Fence): void;
}

/** Returns the same store, but an observer is told of its calls. */
export function observeStore(store: TaskStore, observer: StoreObserver): TaskStore {
  const news: Readonly<Record<string, unknown>> = newsOf(observer);
  const methods = Object.entries(CALL_NAMES).map(([method, call]) => {
    const run = store[method as TimedMethod].bind(store) as AnyMethod;
    const tell = news[method] as ((result: unknown, ...args: unknown[]) => void) | undefined;
    const observed: AnyMethod = async (...args) => {
      const result = await timed(() => run(...args), call, observer);
      tell?.(result, ...args);
      return result;
    };
    return [method, observed];
  });
  return {
    ...(Object.fromEntries(methods) as Pick<TaskStore, TimedMethod>),
    get storeId() {
      return store.storeId;
    },
    get hasTransactions() {
      return store.hasTransactions;
    },
    history: store.history,
    outbox: store.outbox,
    keys: store.keys,
    uploads: store.uploads,
    subscribe: (listener) => store.subscribe(listener),
    leaseNew: (ask) => store.leaseNew((task) => observedLease(ask(task), observer)),
    changesAfter: (position) => store.changesAfter(position),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

function observedLease(lease: NewLease | undefined, observer: StoreObserver): NewLease | undefined {
  if (lease === undefined) return undefined;
  const told = (task: Task | undefined): void => {
    if (task !== undefined) observer.leased(task);
    lease.told(task);
  };
  return { ...lease, told };
}

type AnyMethod = (...args: unknown[]) => Promise<unknown>;

/** Tells the observer about a call that succeeded, in addition to its duration. */
type News = {
  readonly [M in TimedMethod]?: (
    result: Awaited<ReturnType<TaskStore[M]>>,
    ...args: Parameters<TaskStore[M]>
  ) => void;
};

function newsOf(observer: StoreObserver): News {
  const leased = (task: Task | undefined): void => {
    if (task !== undefined) observer.leased(task);
  };
  const written = (result: string, fence: Fence): boolean => {
    if (result === "lost") observer.lost(fence);
    return result === "ok";
  };
  const ended = ({ taskId }: Fence, stages: readonly StageNews[] = []): void => {
    for (const { name, patch } of isChunkId(taskId) ? [] : stages)
      if (patch.status === "success" && patch.durationMs !== undefined)
        observer.stageEnded(name, patch.durationMs / 1000);
  };
  return {
    ...{ lease: leased, leaseOrphan: leased, releaseSlot: written },
    bindSlot(result, fence, _slot, news) {
      if (written(result, fence)) ended(fence, news?.stages);
    },
    ...{ recordInput: written, recordNotes: written, recordUpload: written },
    cancel(result) {
      if (result === "canceled") observer.canceled();
    },
    heartbeat({ lost }) {
      for (const fence of lost) observer.lost(fence);
    },
    recordDispatch(result, fence, dispatch, news) {
      if (!written(result, fence)) return;
      ended(fence, news?.stages);
      observer.dispatched(fence, dispatch);
    },
    updateStage(result, fence, name, patch) {
      if (written(result, fence)) ended(fence, [{ name, patch }]);
    },
    settle(result, fence, outcome, news) {
      if (!written(result, fence)) return;
      ended(fence, news?.stages);
      observer.settled(fence, outcome);
    },
    finishCleanup(result, fence) {
      if (written(result, fence)) observer.cleanedUp(fence);
    },
  };
}

async function timed<T>(
  run: () => Promise<T>,
  call: StoreCall,
  observer: StoreObserver,
): Promise<T> {
  const startedAtMs = performance.now();
  const seconds = (): number => (performance.now() - startedAtMs) / 1000;
  try {
    const result = await run();
    observer.called(call, seconds());
    return result;
  } catch (error) {
    observer.called(call, seconds(), toTaskError(error).code);
    throw error;
  }
}
