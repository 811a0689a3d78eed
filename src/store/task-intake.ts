import type { Json, Labels, Task, TaskParams, TaskType } from "../domain/task.js";
import type { Webhook } from "../domain/webhook.js";

/** A task to be stored. */
export interface NewTask {
  readonly params: TaskParams;
  readonly type: TaskType;
  readonly workflow: string;
  readonly workflowVersion: string;
  readonly parameters: { readonly [name: string]: Json };
  /** 0 to 2. */
  readonly priority: number;
  /** Whose it is, which also makes an idempotency key another one. @default `default` */
  readonly tenant?: string;
  /** Absent or in the past: the task is due at once, behind those that became due before it. */
  readonly notBefore?: Date;
  readonly labels?: Labels;
  readonly retryOf?: string;
  /** Who is told of its events. */
  readonly webhook?: Webhook;
  /** `off`: a film runs as one prompt. */
  readonly chunking?: "off";
  /** With it, a repeated create answers with the task of the first create. */
  readonly idempotency?: Idempotency;
}

/** Recognises a request that a client repeats. */
export interface Idempotency {
  readonly key: string;
  /** A hash of the request: the same key with another hash is a conflict. */
  readonly requestHash: string;
}

/**
 * The result of a create: `created`, the task is stored; `replayed`, it was stored before under the
 * same key; `conflict`, the key belongs to another request; `full`, too many tasks are pending;
 * `tenant_full`, too many of the tenant's are.
 */
export type CreateResult =
  | { readonly outcome: "created" | "replayed"; readonly task: Task }
  | { readonly outcome: "conflict" }
  | Full;

/** No more tasks may wait: in all, or of the tenant. */
type Full = { readonly outcome: "full" | "tenant_full" };

/** The result of several creates at once; the tasks in the order of the requests. */
export type CreateManyResult =
  | { readonly outcome: "created"; readonly tasks: readonly Task[] }
  /** The key of this request, by its index, belongs to another one. */
  | { readonly outcome: "conflict"; readonly index: number }
  | Full;

/** The result of a cancel. */
export type CancelResult = "canceled" | "already_canceled" | "terminal" | "not_found";

/** How many tasks may be pending. Tasks that are created at the same time may pass a limit on MongoDB. */
export interface PendingLimits {
  /** @default no limit */
  readonly maxPendingCount?: number;
  /** Of the tenant whose the new tasks are. @default no limit */
  readonly maxTenantPendingCount?: number;
}

/** The part of a store for whoever takes requests. */
export interface TaskIntake {
  /**
   * Stores a task as pending, unless as many are pending as may be. A replay answers with the first task as it is now, even when the store is
   * full; the key is free again once that task was deleted.
   *
   * @throws TaskError STORE_WITHOUT_TRANSACTIONS for a task with a webhook, by a store that cannot
   *   write several documents at once.
   */
  create(task: NewTask, limits?: PendingLimits): Promise<CreateResult>;

  /**
   * Stores several tasks as {@link create} does, all or none, with one commit. A task whose key
   * belongs to an equal request is not stored again: the first answer takes its place. All are of one
   * tenant.
   *
   * @throws TaskError STORE_WITHOUT_TRANSACTIONS by a store that cannot write several at once.
   */
  createTogether(tasks: readonly NewTask[], limits?: PendingLimits): Promise<CreateManyResult>;

  /**
   * The answer of {@link create} to a key that belongs to a task already; undefined if the key is
   * free. A request that was accepted before need not be checked anew.
   *
   * @param tenant whose key it is. @default `default`
   */
  replay(idempotency: Idempotency, tenant?: string): Promise<CreateResult | undefined>;

  /**
   * Makes a task canceled, which is terminal at once. A task that holds a slot, or a dispatch that
   * is not `done`, keeps them with `cleanupPending` until its cleanup is finished; if its lease has
   * ended, another process may take the cleanup over at once. Any other task loses lease and
   * dispatch with the cancel.
   */
  cancel(taskId: string): Promise<CancelResult>;
}
