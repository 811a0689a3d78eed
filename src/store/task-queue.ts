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

/** The part of a store that whoever runs tasks calls: they lease, hold and settle them. */
export interface TaskQueue {
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

  /**
   * Writes where the task's prompt is, replacing what was known; `at` is now. The variant of a prompt
   * that a server took becomes the task's.
   */
  recordDispatch(fence: Fence, dispatch: Omit<Dispatch, "at">): Promise<WriteResult>;

  /** Adds a prompt that ran out of memory to those of the task; a prompt that is among them changes nothing. */
  recordMemoryFailure(fence: Fence, failure: MemoryFailure): Promise<WriteResult>;

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
}
