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
  /** An id, the URL of an upload without its secret, or what many tasks were asked for by. Never a key, never a URL's query. */
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
