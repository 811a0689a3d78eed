import type { ErrorCode } from "../domain/errors.js";
import type {
  Dispatch,
  InputFacts,
  Json,
  MemoryFailure,
  Output,
  Stage,
  StageName,
  Task,
  TaskFailure,
  UnclearFailure,
} from "../domain/task.js";

/**
 * Proves that a process holds a task. Every lease and takeover has a higher epoch; a write with a
 * lower epoch changes nothing.
 */
export interface Fence {
  readonly taskId: string;
  readonly epoch: number;
}

/**
 * The result of a write by a task's holder. A write that lost a race is answered, not thrown, and
 * changes nothing: `lost`, the lease was settled or taken over, or the task is not stored;
 * `canceled`, a client canceled the task; `terminal`, the task has completed or failed.
 */
export type WriteResult = "ok" | "lost" | "canceled" | "terminal";

/**
 * What a holder has found out of its task and nobody waits for: it is written in one step with what comes
 * next, before that.
 */
export interface TaskNews {
  /** As with {@link TaskQueue.updateStage}, in their order. */
  readonly stages: readonly StageNews[];
  readonly input?: InputFacts;
  readonly notes: readonly string[];
  /** As with {@link TaskQueue.releaseSlot}. */
  readonly freesSlot?: boolean;
}

/** Fields of a stage that have changed, and the progress of the whole task. */
export interface StageNews {
  readonly name: StageName;
  readonly patch: Partial<Stage>;
  readonly progress?: number;
}

/** Which task a process asks for. */
export interface LeaseRequest {
  readonly owner: string;
  readonly leaseMs: number;
  /** Names of the workflows that a healthy server can run now; others are not leased. */
  readonly workflows: readonly string[];
  /**
   * Those of `workflows` whose models a free server has loaded. Their tasks may pass older tasks of
   * the same priority.
   */
  readonly prefer: readonly string[];
  /**
   * How often one task may be passed, and for how many milliseconds after the first time. Only the
   * oldest due task of each workflow and priority is counted: the tasks behind it wait for it
   * anyway.
   */
  readonly maxBypassCount: number;
  readonly maxBypassMs: number;
  /**
   * A film of which so many chunks are processed is passed over while anything else is due.
   *
   * @default no limit
   */
  readonly maxFilmServers?: number;
  /**
   * How many tasks of a tenant may run, by its name: the pending tasks of one that has so many are
   * left out until one has ended. Those that run are those in `processing` and those that went back to
   * pending with their slot. Chunks run with their film, which counts as one.
   *
   * No replica passes a cap, except on a MongoDB server without a replica set, where two that lease
   * in the same moment may.
   *
   * @default no limit
   */
  readonly maxRunning?: ReadonlyMap<string, number> | undefined;
  /**
   * The stage that the holder begins at once, written with the lease: of a task that has no prompt, and
   * where that stage has not succeeded before.
   */
  readonly begins?: StageNews | undefined;
}

/** How a task is leased as it is created. */
export interface NewLease
  extends Pick<LeaseRequest, "owner" | "leaseMs" | "maxRunning" | "begins"> {
  /**
   * Called once the task is stored or could not be. @param task the leased one; undefined where it was not stored, or
   * waits because its tenant has as many running tasks as it may
   */
  readonly told: (task: Task | undefined) => void;
}

/** Is asked for each due task that is being created whether it is to be leased at once. */
export type AskForLease = (task: Task) => NewLease | undefined;

/**
 * What a holder reports of one task with a heartbeat. An absent field means nothing new. A progress
 * below the stored one changes nothing, and a report about a stage that has ended does not change
 * that stage.
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
 * The reported tasks that the holder no longer holds, and those that ended without it: canceled by a
 * client, or a film that one of its chunks failed. Such a task with `cleanupPending` keeps its lease
 * and slot, and the heartbeat has extended the lease for the cleanup.
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
       * The task is pending again, due after `delayMs`; with 0 it keeps its old place. It keeps its
       * dispatch, and its slot if `keepSlot`. Its progress begins anew only with a new attempt.
       */
      readonly kind: "retry";
      readonly reason: ErrorCode;
      readonly delayMs: number;
      /** `attempt`: the fault is the task's own or a passing one; `takeover`: it is a server's. */
      readonly spends: "attempt" | "takeover" | "nothing";
      /**
       * The prompt is known to be gone: the next holder submits a new one. The unfinished upload of
       * its result is forgotten too.
       */
      readonly dropDispatch: boolean;
      readonly keepSlot: boolean;
      /** What the task remembers of this failure; absent: nothing new. */
      readonly unclearFailure?: UnclearFailure;
    }
  /**
   * A process that stops gives the task back: pending at once, in its old place, with nothing
   * spent. The task keeps dispatch and slot.
   */
  | { readonly kind: "handed_back" }
  /**
   * All pieces of a film are stored: it waits for its chunks, `processing` without a lease. Once all
   * have completed, as they may have by now, {@link TaskQueue.leaseOrphan} gives it out.
   */
  | { readonly kind: "cut" };

/** The part of a store for processes that run tasks: they lease, hold and settle them. */
export interface TaskQueue {
  /**
   * Leases a pending task that is due and whose workflow is in `workflows`: the highest priority
   * first, then the earliest due time, then the oldest task. A task whose workflow is in `prefer`
   * may pass others of its priority, each of them at most `maxBypassCount` times and for at most
   * `maxBypassMs`. A chunk is due at once; its turn is that of its frames within the film, so that the
   * films of a priority alternate. A new lease has a higher epoch and opens an entry in `attempts`.
   * A due task that holds a slot comes before all others, whatever its workflow: it went back to
   * pending with a prompt that may still run.
   *
   * @returns undefined if no such task is due.
   */
  lease(request: LeaseRequest): Promise<Task | undefined>;

  /**
   * Calls `ask` with each due task while it is created. One that it answers for is stored as leased; subscribers are
   * told of both, and whoever created it gets it as it was before. A store that several processes share does not do
   * that: there `ask` is never called.
   *
   * @returns a function that ends it.
   */
  leaseNew(ask: AskForLease): () => void;

  /**
   * Takes over a task whose lease has expired, an ended task whose cleanup nobody does, or a film whose
   * chunks have all completed. The task that waits longest goes first. It gets a higher epoch and
   * keeps slot and dispatch. `takeovers` grows only if the download or upload stage was running or a
   * film was being cut: a task that merely waited, or whose prompt a server runs, did not bring its
   * holder down. A stage that succeeds sets `takeovers` back to 0. The takeover of a cleanup or of a
   * film that nobody held spends nothing and opens no entry in `attempts` beside an open one. That of
   * a cleanup makes no new revision.
   *
   * @param scope `with_prompt`: only tasks that a server may be busy with or has a result of, films to
   *   be joined, and ended tasks that wait for their cleanup. Somebody must look after them at once,
   *   even without room for more tasks.
   * @returns undefined if there is no such task.
   */
  leaseOrphan(owner: string, leaseMs: number, scope?: OrphanScope): Promise<Task | undefined>;

  /**
   * How long it is until the next pending task becomes due or the next lease expires, in milliseconds by
   * the store's clock; undefined if there is none. A task that is due already does not count. So ask
   * before trying to lease: asking afterwards would miss a task that became due in between.
   */
  nextDueInMs(): Promise<number | undefined>;

  /** Extends the lease of every reported task to `leaseMs` from now and records its progress. */
  heartbeat(
    owner: string,
    leaseMs: number,
    reports: readonly ProgressReport[],
  ): Promise<HeartbeatResult>;

  /**
   * Gives the task a slot, named `server#n`, which no other task can then hold. The answer is
   * `busy` if another task holds it. A task that holds a different slot gives that one up. The
   * running attempt is then recorded on the slot's server.
   *
   * @param intent the prompt that will be sent to that server, as with {@link TaskQueue.recordDispatch}.
   */
  bindSlot(
    fence: Fence,
    slot: string,
    news?: TaskNews,
    intent?: Omit<Dispatch, "at">,
  ): Promise<WriteResult | "busy">;

  /**
   * Gives the slot back.
   *
   * @param prompt `unsent`: one that was stored with the slot is forgotten, and the running attempt is on no server.
   */
  releaseSlot(fence: Fence, prompt?: "unsent"): Promise<WriteResult>;

  /**
   * Writes where the task's prompt is, replacing what was known; `at` is now. The variant of a prompt
   * that a server took becomes the task's.
   */
  recordDispatch(
    fence: Fence,
    dispatch: Omit<Dispatch, "at">,
    news?: TaskNews,
  ): Promise<WriteResult>;

  /** Adds a prompt that ran out of memory to those of the task; a prompt that is among them changes nothing. */
  recordMemoryFailure(fence: Fence, failure: MemoryFailure): Promise<WriteResult>;

  /**
   * Changes the given fields of one stage, and begins the stage if it has not begun. The status
   * `running` makes a stage that has ended begin anew, from 0. Otherwise the progress of a stage
   * never falls, and that of the task never falls within an attempt.
   */
  updateStage(
    fence: Fence,
    name: StageName,
    patch: Partial<Stage>,
    progress?: number,
  ): Promise<WriteResult>;

  /** Writes what was found out about the input. */
  recordInput(fence: Fence, input: InputFacts): Promise<WriteResult>;

  /** Adds short sentences about what was done beyond the request. Those that are there stay. */
  recordNotes(fence: Fence, notes: readonly string[]): Promise<WriteResult>;

  /** Keeps what the object storage needs to resume an upload after a restart. */
  recordUpload(fence: Fence, checkpoint: Json): Promise<WriteResult>;

  /**
   * Ends the lease. The outcome marks a stage that still runs: `success` for completed, `failed`
   * for failed and retry; handing back leaves the stage as it is. Terminal outcomes free slot and
   * dispatch. A chunk that fails when its film has ended is canceled with it, and so is the answer.
   */
  settle(fence: Fence, outcome: Outcome, news?: TaskNews): Promise<WriteResult>;

  /**
   * Ends the cleanup of a canceled task, whose server is known to be free of the prompt, or of an ended
   * film, whose chunks and objects are gone. Frees slot, dispatch and lease. The answer is `ok` also
   * when there was nothing to clean up. It is `lost` when the cleanup is pending but nobody holds a
   * lease for it, and for a task that has not ended.
   */
  finishCleanup(fence: Fence): Promise<WriteResult>;
}
