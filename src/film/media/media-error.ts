import { FFmpegError, PosixError } from "node-av/lib";
import { TaskError } from "../../domain/errors.js";

/**
 * Throws where a call of FFmpeg failed.
 *
 * @param code what the call returned; below 0: it failed.
 * @param action the action that failed, as in "write the film".
 * @throws TaskError DISK_FULL; else an error that names the action.
 */
export function throwIfFailed(code: number, action: string): void {
  if (code >= 0) return;
  if (code === FFmpegError.AVERROR(PosixError.ENOSPC))
    throw new TaskError("DISK_FULL", `Cannot ${action}: the disk is full`);
  throw new Error(`Cannot ${action}: ${FFmpegError.strerror(code)}`);
}
