import type { ErrorCode } from "../domain/errors.js";
import type {
  Dispatch,
  InputFacts,
  Json,
  Output,
  Stage,
  StageName,
  Task,
  TaskFailure,
  TaskParams,
  TaskStatus,
  TaskType,
} from "../domain/task.js";

/** Proof of holding a task. Every lease and takeover has a higher epoch; writes with a lower one change nothing. */
export interface Fence {
  readonly taskId: string;
  readonly epoch: number;
}

/**
 * What became of a write by a task's holder. A lost race is an answer, not an exception, and changes
 * nothing: `lost`, the lease was settled, taken over or is of a task not stored; `canceled`, a client
 * canceled the task; `terminal`, it has completed or failed.
 */
export type WriteResult = "ok" | "lost" | "canceled" | "terminal";

/** A task to be stored. */
export interface NewTask {
  readonly params: TaskParams;
  readonly type: TaskType;
  readonly workflow: string;
  readonly workflowVersion: string;
  readonly parameters: { readonly [name: string]: Json };
  /** 0 to 2. */
  readonly priority: number;
  /** Absent or past: due at once, behind those due before. */
  readonly notBefore?: Date;
  /** Makes a repeated create answer with the first one's task. */
  readonly idempotency?: Idempotency;
}

/** Tells a request that is made again. */
export interface Idempotency {
  readonly key: string;
  /** A hash of the request: the same key with another hash is a conflict. */
  readonly requestHash: string;
}

/** What became of a create: stored, stored before under the same key, or the key stands for another request. */
export type CreateResult =
  | { readonly outcome: "created" | "replayed"; readonly task: Task }
  | { readonly outcome: "conflict" }
  | { readonly outcome: "full" };

/** Which task a process would lease. */
export interface LeaseRequest {
  readonly owner: string;
  readonly leaseMs: number;
  /** Names of the workflows that a healthy server can run now; others are not leased. */
  readonly workflows: readonly string[];
  /** Those of them that a free server has loaded: their tasks may pass older ones of the same priority. */
  readonly prefer: readonly string[];
  /**
   * How often, and for how long since it was first passed over, one task may be passed. Counted for
   * the oldest due task of each workflow and priority; those behind it wait behind it anyway.
   */
  readonly maxBypassCount: number;
  readonly maxBypassMs: number;
}

/**
 * What a holder tells of one task with a heartbeat. Absent: nothing new. Progress below what is
 * stored changes nothing, nor does a report about a stage that has ended.
 */
export interface ProgressReport extends Fence {
  /** The running stage and how far it is, 0 to 100, and the same for the whole task. */
  readonly stage?: {
    readonly name: StageName;
    readonly progress: number;
    readonly detail?: string;
  };
  readonly progress?: number;
  readonly runningNode?: string;
}

/**
 * The tasks a heartbeat found no longer held, and those canceled meanwhile. With `cleanupPending`
 * lease and slot of the latter are still the holder's, and the lease was extended for the cleanup.
 */
export interface HeartbeatResult {
  readonly lost: readonly Fence[];
  readonly canceled: readonly Fence[];
}

/** Which tasks without a living holder are taken over. */
export type OrphanScope = "all" | "with_prompt";

/** How a lease ends. */
export type Outcome =
  | { readonly kind: "completed"; readonly outputs: readonly Output[] }
  | { readonly kind: "failed"; readonly error: TaskFailure }
  | {
      /**
       * Back to pending, due after a pause; without one in its old place. The dispatch is kept, the
       * slot too if `keepSlot`. The task's progress begins anew with a new attempt only.
       */
      readonly kind: "retry";
      readonly reason: ErrorCode;
      readonly delayMs: number;
      /** `attempt`: a fault of the task's or a passing one; `takeover`: a server's. */
      readonly spends: "attempt" | "takeover" | "nothing";
      /** The prompt is known to be gone: the next holder submits a new one. What was uploaded of its result is forgotten too. */
      readonly dropDispatch: boolean;
      readonly keepSlot: boolean;
    }
  /** Back to pending at once and in its old place, nothing spent: a process that stops. Dispatch and slot are kept. */
  | { readonly kind: "handed_back" };

/** Page of a list, newest first. Tasks added while a client pages are not on its later pages. */
export interface ListRequest {
  readonly status?: TaskStatus;
  /** 1 to 500. */
  readonly pageSize: number;
  /** `nextPageToken` of the page before. */
  readonly pageToken?: string;
}

/** One page. */
export interface TaskPage {
  readonly tasks: readonly Task[];
  /** Absent on the last page. */
  readonly nextPageToken?: string;
}

/** Tasks by status; the terminal ones since the store was made. */
export type TaskCounts = Readonly<Record<TaskStatus, number>>;

/** Says that a task has a new revision. Of several in a row only the last is sure to be told. */
export interface TaskChange {
  readonly taskId: string;
  readonly rev: number;
  readonly status: TaskStatus;
}

/**
 * All state of all tasks. Each method is atomic: of two conflicting calls, one wins and the other
 * is told. It is the only place where the API and the scheduler meet. The store owns the clock:
 * callers give durations, never times, but for a client's own `notBefore`.
 *
 * Every method throws a TaskError STORE_UNAVAILABLE when the database cannot be reached (nothing
 * is then known to have been written) and DISK_FULL when it has no room.
 */
export interface TaskStore extends AsyncDisposable {
  /** Names this store for good: the same after a restart, another in another database. */
  readonly storeId: string;

  /**
   * Stores a task as pending; `full` when already `maxPendingCount` tasks are pending (default: no
   * limit). A replay answers with the first task as it is now, even when the store is full; its key
   * is free again once that task was purged.
   */
  create(task: NewTask, maxPendingCount?: number): Promise<CreateResult>;

  /**
   * What {@link create} would answer for a key that stands for a task already; undefined: it is free.
   * For whoever must not judge a request anew that was accepted before.
   */
  replay(idempotency: Idempotency): Promise<CreateResult | undefined>;

  get(taskId: string): Promise<Task | undefined>;

  /** @throws TaskError INVALID_REQUEST for a page token that this store did not make. */
  list(request: ListRequest): Promise<TaskPage>;

  /** Exact, and cheap with a million tasks. */
  counts(): Promise<TaskCounts>;

  /**
   * Makes a task canceled, terminal at once. A task that holds a slot or a dispatch not `done` keeps
   * them with `cleanupPending` until {@link finishCleanup}; without a live lease it is up for
   * {@link leaseOrphan} at once. Any other loses lease and dispatch with the cancel.
   */
  cancel(taskId: string): Promise<"canceled" | "already_canceled" | "terminal" | "not_found">;

  /**
   * Calls `listener` after every change of any task, by any process, from now on; revisions of one
   * task strictly grow, and the last one is always told. What no client can see (a lease renewed, a
   * slot given back, a dispatch written) makes no revision and is not told. What a listener throws
   * is logged and keeps nobody else from being told.
   *
   * @returns a function that ends the subscription.
   */
  subscribe(listener: (change: TaskChange) => void): () => void;

  /**
   * Leases a pending task that is due and whose workflow is in `workflows`: by priority, then due
   * time, then age, except that a task of a workflow in `prefer` may pass others of its priority,
   * each at most `maxBypassCount` times and for at most `maxBypassMs`. A new lease has a higher epoch
   * and opens an entry in `attempts`.
   * A due task that holds a slot comes before all others and whatever its workflow: it was put or
   * handed back with a prompt that may be running.
   *
   * @returns undefined if no such task is due.
   */
  lease(request: LeaseRequest): Promise<Task | undefined>;

  /**
   * Takes over a task whose lease has expired, or a canceled one whose cleanup nobody does: higher
   * epoch, slot and dispatch stay with it. `takeovers` grows only if the download or upload stage was
   * running: a task that merely waited, or whose prompt a server runs, did not bring its holder down.
   * A stage that succeeds sets `takeovers` back to 0. The task that waits longest goes first. A
   * cleanup spends nothing, opens no entry in `attempts` and is no new revision.
   *
   * @param scope `with_prompt`: only those that a server may be busy with or has a result of, and those
   *   that wait for their cleanup: what somebody must look after at once, whether there is room or not.
   * @returns undefined if there is none.
   */
  leaseOrphan(owner: string, leaseMs: number, scope?: OrphanScope): Promise<Task | undefined>;

  /** How long the pending task that is due longest is due already; 0 if none is due. */
  queueAgeMs(): Promise<number>;

  /**
   * When, after now, the next pending task becomes due or the next lease expires; undefined if
   * neither is to come. What is due already does not count, so ask before trying to lease, not
   * after: a task that becomes due in between would be missed.
   */
  nextDueAt(): Promise<Date | undefined>;

  /** Extends the lease of every task reported by `leaseMs` from now and records how far each has come. */
  heartbeat(
    owner: string,
    leaseMs: number,
    reports: readonly ProgressReport[],
  ): Promise<HeartbeatResult>;

  /**
   * Gives the task a slot, `server#n`, which no other task can then hold; `busy` if one does. A task
   * that holds another slot changes it. The running attempt is from then on that server's.
   */
  bindSlot(fence: Fence, slot: string): Promise<WriteResult | "busy">;

  /** Gives the slot back. */
  releaseSlot(fence: Fence): Promise<WriteResult>;

  /** Writes where the task's prompt is, replacing what was known; `at` is now. */
  recordDispatch(fence: Fence, dispatch: Omit<Dispatch, "at">): Promise<WriteResult>;

  /**
   * Changes the fields given of one stage; begins the stage if it has not begun. A stage that has
   * ended and is given the status `running` begins anew, from 0. Otherwise its progress never falls,
   * nor does the task's within an attempt.
   */
  updateStage(
    fence: Fence,
    name: StageName,
    patch: Partial<Stage>,
    progress?: number,
  ): Promise<WriteResult>;

  /** Writes what the input turned out to be. */
  recordInput(fence: Fence, input: InputFacts): Promise<WriteResult>;

  /** Keeps what the object storage needs to resume an upload after a restart. */
  recordUpload(fence: Fence, checkpoint: Json): Promise<WriteResult>;

  /**
   * Ends the lease. A stage that still runs is marked by the outcome: `success` for completed,
   * `failed` for failed and retry; handing back leaves it. Terminal outcomes free slot and dispatch.
   */
  settle(fence: Fence, outcome: Outcome): Promise<WriteResult>;

  /**
   * Ends a canceled task's cleanup: the server is known to be free of it. Frees slot, dispatch and
   * lease. `ok` also when there was nothing to clean up; `lost` without a lease on what there is, and
   * for a task that is not canceled.
   */
  finishCleanup(fence: Fence): Promise<WriteResult>;

  /** Every slot held, with its task: what the pool must count as taken. */
  heldSlots(): Promise<readonly { readonly slot: string; readonly taskId: string }[]>;

  /** Deletes up to `limit` tasks that ended more than `retentionMs` ago and need no cleanup, the oldest first. @returns how many. */
  purge(retentionMs: number, limit: number): Promise<number>;

  /** Keeps a workflow's content under its version, for good. Idempotent: what a version stands for never changes. */
  saveWorkflow(version: string, content: Json): Promise<void>;

  loadWorkflow(version: string): Promise<Json | undefined>;
}
