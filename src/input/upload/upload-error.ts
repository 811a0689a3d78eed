import { type ErrorCode, TaskError } from "../../domain/errors.js";
import { isDiskFull } from "../../lib/is-disk-full.js";

/** The error of an upload that is not taken, in the words "Cannot take the upload: <reason>". */
export function uploadError(code: ErrorCode, reason: string, cause?: unknown): TaskError {
  return new TaskError(code, `Cannot take the upload: ${reason}`, { cause });
}

/** Translates what the file system throws while an upload is received; anything else stays as it is. */
export function translateUploadError(thrown: unknown): unknown {
  return isDiskFull(thrown) ? uploadError("DISK_FULL", "the disk is full", thrown) : thrown;
}
