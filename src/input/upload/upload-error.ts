import { type ErrorCode, TaskError } from "../../domain/errors.js";
import { isDiskFull } from "../../lib/is-disk-full.js";

/**
 * Makes the error of an upload that is refused. Its message is `Cannot take the upload: <reason>`.
 */
export function uploadError(code: ErrorCode, reason: string, cause?: unknown): TaskError {
  return new TaskError(code, `Cannot take the upload: ${reason}`, { cause });
}

/**
 * Translates an error of the file system that was met while receiving an upload. Any other error is
 * returned unchanged.
 */
export function translateUploadError(thrown: unknown): unknown {
  return isDiskFull(thrown) ? uploadError("DISK_FULL", "the disk is full", thrown) : thrown;
}
