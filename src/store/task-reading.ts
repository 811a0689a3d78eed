import type { Task, TaskStatus } from "../domain/task.js";

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

/** The part of a store that whoever shows or watches tasks calls. */
export interface TaskReading {
  /** Names this store for good: the same after a restart, another in another database. */
  readonly storeId: string;

  get(taskId: string): Promise<Task | undefined>;

  /** @throws TaskError INVALID_REQUEST for a page token that this store did not make. */
  list(request: ListRequest): Promise<TaskPage>;

  /** Exact, and cheap with a million tasks. */
  counts(): Promise<TaskCounts>;

  /** How long the pending task that is due longest is due already; 0 if none is due. */
  queueAgeMs(): Promise<number>;

  /**
   * Calls `listener` after every change of any task, by any process, from now on; revisions of one
   * task strictly grow, and the last one is always told. What no client can see (a lease renewed, a
   * slot given back, a dispatch written) makes no revision and is not told. What a listener throws
   * is logged and keeps nobody else from being told.
   *
   * @returns a function that ends the subscription.
   */
  subscribe(listener: (change: TaskChange) => void): () => void;
}
