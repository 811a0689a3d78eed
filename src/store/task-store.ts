import type { Duties } from "./duties.js";
import type { FilmQueue } from "./film-queue.js";
import type { HistoryArchive } from "./history-archive.js";
import type { KeyArchive } from "./key-archive.js";
import type { TaskFollowing } from "./task-following.js";
import type { TaskIntake } from "./task-intake.js";
import type { TaskQueue } from "./task-queue.js";
import type { TaskReading } from "./task-reading.js";
import type { TaskRetention } from "./task-retention.js";
import type { TimeArchive } from "./time-archive.js";
import type { UploadLedger } from "./upload-ledger.js";
import type { WebhookOutbox } from "./webhook-outbox.js";
import type { WorkflowArchive } from "./workflow-archive.js";

/**
 * All state of all tasks, in parts by who calls them: each caller names the parts that it uses. The
 * store is the only place where the API and the scheduler meet. Each method is atomic: of two
 * conflicting calls one wins, and the other is told. The store owns the clock: callers give
 * durations and never times, except a client's own `notBefore`.
 *
 * Every method throws a TaskError STORE_UNAVAILABLE when the database cannot be reached (nothing is
 * then known to have been written) and DISK_FULL when it has no room.
 */
export interface TaskStore
  extends TaskReading,
    TaskFollowing,
    TaskIntake,
    TaskQueue,
    FilmQueue,
    TaskRetention,
    WorkflowArchive,
    Duties,
    TimeArchive,
    AsyncDisposable {
  /** What was in the last hour. */
  readonly history: HistoryArchive;
  /** What webhooks are still to be told. */
  readonly outbox: WebhookOutbox;
  /** Who may call. */
  readonly keys: KeyArchive;
  /** Whose uploads are. */
  readonly uploads: UploadLedger;
}
