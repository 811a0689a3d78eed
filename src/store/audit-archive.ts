/** What can be done under a key. */
export type AuditAction =
  | "task.created"
  | "task.retried"
  | "task.canceled"
  | "tasks.canceled"
  | "delivery.redelivered"
  | "upload.created"
  | "key.created"
  | "key.revoked";

/** What was done, and to what. */
export interface Act {
  readonly action: AuditAction;
  /** An id, the URL of an upload, or what many tasks were asked for by. Never a key, never a URL's query. */
  readonly subject: string;
  /** How many, of `tasks.canceled`. */
  readonly count?: number;
}

/** Who did what, from where and when. */
export interface AuditEntry extends Act {
  /** By the clock of the process that served it. */
  readonly at: Date;
  readonly tenant: string;
  /** Absent: the service itself. */
  readonly keyId?: string;
  /** Where the request came from. Absent: the service itself. */
  readonly address?: string;
}

/** A page of entries. */
export interface AuditPage {
  /** The newest first. */
  readonly entries: readonly AuditEntry[];
  /** Absent: this was the last. */
  readonly nextPageToken?: string;
}

/** The part of a store that keeps who did what. */
export interface AuditArchive {
  /** Adds entries; those of one call are kept in their order. */
  add(entries: readonly AuditEntry[]): Promise<void>;

  /** @throws TaskError INVALID_REQUEST for a malformed token. */
  list(pageSize: number, pageToken?: string): Promise<AuditPage>;

  /**
   * Deletes entries that are older than `keptMs` by the store's clock, the oldest first.
   *
   * @returns how many were deleted, at most `limit`.
   */
  deleteOld(keptMs: number, limit: number): Promise<number>;
}
