import { TaskError } from "../../domain/errors.js";
import { isDiskFull } from "../../lib/is-disk-full.js";

/** The error DISK_FULL if a write failed for that; any other error is returned unchanged. */
export function asDiskFull(thrown: unknown, action: string): unknown {
  if (!isDiskFull(thrown)) return thrown;
  return new TaskError("DISK_FULL", `${action}: the disk is full`, { cause: thrown });
}
