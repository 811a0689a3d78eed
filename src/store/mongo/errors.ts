import {
  MongoBulkWriteError,
  MongoClientClosedError,
  MongoError,
  MongoErrorLabel,
  MongoExpiredSessionError,
  MongoNetworkError,
  MongoNotConnectedError,
  MongoServerClosedError,
  MongoServerError,
  MongoSystemError,
  MongoTopologyClosedError,
  MongoWriteConcernError,
} from "mongodb";
import { TaskError } from "../../domain/errors.js";

/** The task was changed between reading and writing it: read again, decide again. */
export class VersionConflict extends Error {
  override readonly name = "VersionConflict";
}

/** How long clients are told to wait when the database cannot be reached. */
const RETRY_AFTER_MS = 5_000;

/** The error of every call that the database cannot serve now. */
export function unavailable(reason: string, cause?: unknown): TaskError {
  return new TaskError("STORE_UNAVAILABLE", `Cannot use the store: ${reason}`, {
    cause,
    retryAfterMs: RETRY_AFTER_MS,
  });
}

/**
 * The error to throw to the store's callers: a TaskError for a failure of the database, any other
 * error as it is.
 */
export function translateError(error: unknown): unknown {
  if (error instanceof VersionConflict)
    return unavailable("too many write the same task at once", error);
  if (!(error instanceof MongoError)) return error;
  if (error.code === OUT_OF_DISK_SPACE)
    return new TaskError("DISK_FULL", "Cannot write to the database: its disk is full", {
      cause: error,
    });
  return isOutage(error) ? unavailable("the database does not answer", error) : error;
}

/** Whether a unique index refused a write. */
export function isDuplicateKey(error: unknown): boolean {
  return hasCode(error, 11000);
}

/** Whether an error is an answer of the server's with this code. */
export function hasCode(error: unknown, code: number): boolean {
  return error instanceof MongoServerError && error.code === code;
}

/** Whether the database's state causes an error, not our request: it may be gone the next time. */
export function isOutage(error: unknown): boolean {
  if (!(error instanceof MongoError)) return false;
  return (
    OUTAGES.some((outage) => error instanceof outage) ||
    isBulkOutage(error) ||
    POOL_OUTAGES.includes(error.name) ||
    OUTAGE_LABELS.some((label) => error.hasErrorLabel(label)) ||
    OUTAGE_CODES.has(Number(error.code))
  );
}

/**
 * Whether several writes at once were cut off, or are not known to be on a majority. The error's
 * class and labels do not tell.
 */
function isBulkOutage(error: MongoError): boolean {
  if (!(error instanceof MongoBulkWriteError)) return false;
  const inner: unknown = error.errorResponse;
  return isOutage(inner) || error.result.getWriteConcernError() !== undefined;
}

/** Whether the server refuses us: unknown credentials, or too few rights. */
export function isRefusal(error: unknown): boolean {
  return REFUSAL_CODES.some((code) => hasCode(error, code));
}

const OUT_OF_DISK_SPACE = 14031;

const OUTAGES = [
  MongoNetworkError,
  MongoSystemError,
  MongoNotConnectedError,
  MongoTopologyClosedError,
  MongoClientClosedError,
  MongoServerClosedError,
  MongoExpiredSessionError,
  MongoWriteConcernError,
];

/** By name, since the driver does not export them. */
const POOL_OUTAGES = ["MongoPoolClosedError", "MongoWaitQueueTimeoutError"];

const OUTAGE_LABELS = [
  MongoErrorLabel.RetryableWriteError,
  MongoErrorLabel.TransientTransactionError,
  MongoErrorLabel.UnknownTransactionCommitResult,
];

/** Unauthorized, AuthenticationFailed, and the same of a hosted database. */
const REFUSAL_CODES = [13, 18, 8000];

/** The server's error codes for a member that stops, starts, votes, is slow, busy or refuses us. */
const OUTAGE_CODES: ReadonlySet<number> = new Set([
  ...[6, 7, 50, 64, 89, 91, 112, 134, 189, 202, 239, 246, 262, 9001],
  ...[10107, 11600, 11601, 11602, 13435, 13436],
  ...REFUSAL_CODES,
]);
