import type { Task } from "../domain/task.js";

/** The part of a store for whoever deletes ended tasks. */
export interface TaskRetention {
  /**
   * Tasks that ended more than `retentionMs` ago and need no cleanup, the oldest first.
   *
   * @param limit how many at most.
   * @param skip how many of the oldest to leave out.
   */
  listExpired(retentionMs: number, limit: number, skip?: number): Promise<readonly Task[]>;

  /**
   * Deletes those of the tasks that have ended and need no cleanup. They still count in `counts`.
   *
   * @returns how many were deleted.
   */
  deleteEnded(taskIds: readonly string[]): Promise<number>;
}
