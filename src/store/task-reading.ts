import type { Label, Task, TaskStatus } from "../domain/task.js";

/** Chooses tasks by what they are. */
export interface TaskFilter {
  readonly status?: TaskStatus;
  /** Only tasks with all of these; absent: any. */
  readonly labels?: readonly Label[];
  /** Only tasks of this tenant; absent: of all. */
  readonly tenant?: string;
}

/**
 * Which page of the list of tasks to read; the newest tasks come first. Tasks that are added while
 * a client pages are not on its later pages.
 */
export interface ListRequest extends TaskFilter {
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

/** How many tasks have each status. Terminal ones are counted since the store was made. */
export type TaskCounts = Readonly<Record<TaskStatus, number>>;

/** Tells that a task has a new revision. Of several in a row only the last is sure to be told. */
export interface TaskChange {
  readonly taskId: string;
  /** Of a task that was deleted: {@link DELETED_REV}. */
  readonly rev: number;
  /** Absent for a task that was deleted. */
  readonly status?: TaskStatus;
  /** Whoever was told of this change and all before it goes on from here, see {@link TaskFollowing}. */
  readonly position: string;
}

/** Told in place of a revision when a task was deleted: above all others. */
export const DELETED_REV = Number.MAX_SAFE_INTEGER;

/** The part of a store for whoever shows or watches tasks. */
export interface TaskReading {
  /** The id of this store: the same after a restart, different for every other database. */
  readonly storeId: string;

  /** Whether several tasks can be stored together: not so on a MongoDB server without a replica set. */
  readonly hasTransactions: boolean;

  /** Several callers may get the same object, which is frozen then. */
  get(taskId: string): Promise<Task | undefined>;

  /** @throws TaskError INVALID_REQUEST for a page token that this store did not make. */
  list(request: ListRequest): Promise<TaskPage>;

  /**
   * Exact, and cheap with a million tasks.
   *
   * @param labels counts only the tasks with all of these, as far as they are stored: what it costs grows
   *   with how many have the first. @default all tasks
   * @param tenant counts only its tasks. @default those of all tenants
   */
  counts(labels?: readonly Label[], tenant?: string): Promise<TaskCounts>;

  /** How long ago the pending task that became due first did so; 0 if none is due. */
  queueAgeMs(): Promise<number>;

  /**
   * Calls `listener` after every change of any task, by any process, from now on. The revisions
   * told of one task strictly grow, and the last one is always told. A change that no client can
   * see (a renewed lease, a slot given back, a dispatch) makes no revision and is not told. An
   * error that one listener throws is logged, and the others are told all the same.
   *
   * @returns a function that ends the subscription.
   */
  subscribe(listener: (change: TaskChange) => void): () => void;
}
