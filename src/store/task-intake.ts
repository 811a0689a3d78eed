import type { Json, Task, TaskParams, TaskType } from "../domain/task.js";

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

/** What became of a cancel. */
export type CancelResult = "canceled" | "already_canceled" | "terminal" | "not_found";

/** The part of a store that whoever takes requests calls. */
export interface TaskIntake {
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

  /**
   * Makes a task canceled, terminal at once. A task that holds a slot or a dispatch not `done` keeps
   * them with `cleanupPending` until its cleanup is finished; without a live lease it is up for
   * takeover at once. Any other loses lease and dispatch with the cancel.
   */
  cancel(taskId: string): Promise<CancelResult>;
}
