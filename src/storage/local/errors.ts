import { TaskError } from "../../domain/errors.js";
import { errorCode } from "../../lib/error-code.js";
import { isDiskFull } from "../../lib/is-disk-full.js";

const REFUSING: readonly string[] = ["EACCES", "EPERM", "EROFS", "ENOTDIR", "EEXIST"];

/**
 * Translates an error of the file system. Any other error is returned unchanged.
 *
 * @param action the action that failed, e.g. `store "outputs/1/result.png"`.
 */
export function localError(action: string, thrown: unknown): unknown {
  if (thrown instanceof TaskError || errorCode(thrown) === "") return thrown;
  const code = errorCode(thrown);
  const options = { cause: thrown };
  if (isDiskFull(thrown))
    return new TaskError("DISK_FULL", `Cannot ${action}: the disk is full`, options);
  return REFUSING.includes(code)
    ? new TaskError(
        "STORAGE_REFUSED",
        `Cannot ${action}: the service may not write there (${code}), give it the right to`,
        options,
      )
    : new TaskError("UPLOAD_FAILED", `Cannot ${action}: the disk failed (${code})`, options);
}
