import type { AuditEntry } from "../domain/audit.js";

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
