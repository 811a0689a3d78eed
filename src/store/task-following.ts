import type { Labels, Task, TaskStatus } from "../domain/task.js";

/** What stays known of a task that was deleted, for {@link DELETED_KEPT_MS}. */
export interface DeletedTask {
  readonly taskId: string;
  readonly status: TaskStatus;
  readonly labels?: Labels;
  readonly tenant?: string;
  readonly isDeleted: true;
}

/** A task as it is, or that it was deleted. */
export type FollowedTask = Task | DeletedTask;

/** A change after a position. */
export interface FollowedChange {
  readonly followed: FollowedTask;
  /** Whoever has read this change and all before it goes on from here. */
  readonly position: string;
  /** The task was created after the position that was asked for. */
  readonly isNew: boolean;
}

/** For how long deleted tasks are remembered, in milliseconds: an older position has expired. */
export const DELETED_KEPT_MS = 24 * 60 * 60 * 1000;

/**
 * The part of a store for whoever follows many tasks over interruptions. A position is a text that
 * only the store understands; it holds over restarts. Chunks of films are left out.
 */
export interface TaskFollowing {
  /** From here on whoever reads all tasks now can go on later. */
  position(): Promise<string>;

  /** Those of the tasks that are stored or were deleted lately, in no order. */
  follow(taskIds: readonly string[]): Promise<readonly FollowedTask[]>;

  /**
   * The tasks that have changed after a position, each as it is now, in pages, the oldest change
   * first. None is left out; those that changed shortly before the position may come as well.
   * Nothing is read ahead of whoever asks for a page.
   *
   * @throws TaskError CURSOR_EXPIRED for a position that is too old, or that this store did not make.
   */
  changesAfter(position: string): AsyncGenerator<readonly FollowedChange[], void>;
}

/** Tells the two apart. */
export function isDeleted(followed: FollowedTask): followed is DeletedTask {
  return "isDeleted" in followed;
}
