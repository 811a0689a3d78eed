import { errorCode } from "./error-code.js";

/** Whether a write failed because the disk is full or a quota is used up. */
export function isDiskFull(thrown: unknown): boolean {
  return ["ENOSPC", "EDQUOT"].includes(errorCode(thrown));
}
