/** The part of a store that whoever deletes what has ended calls. */
export interface TaskRetention {
  /** Deletes up to `limit` tasks that ended more than `retentionMs` ago and need no cleanup, the oldest first. @returns how many. */
  purge(retentionMs: number, limit: number): Promise<number>;
}
