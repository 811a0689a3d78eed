import { errorCode } from "./error-code.js";

/** Whether a write failed for want of room: the disk's, or what a quota leaves of it. */
export function isDiskFull(thrown: unknown): boolean {
  return ["ENOSPC", "EDQUOT"].includes(errorCode(thrown));
}
