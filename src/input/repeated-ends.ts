import { TaskError } from "../domain/errors.js";

/** An origin that ended so often at the same place always ends there. */
const MAX_SAME_ENDS = 3;
/** Of what arrived before a cut, so much may be lost on its way to the disk. */
const LOST_BYTES = 256 * 1024;

/**
 * Watches where an origin cuts a file, so that a file that is only there in part is not asked for
 * again and again.
 */
export class RepeatedEnds {
  #mostBytes = 0;
  #count = 0;

  /**
   * Judges the error of a try.
   *
   * @param sizeBytes how many bytes are on disk.
   * @returns the error, made final if the origin cut the file at about this byte each of the last
   *   times.
   */
  judge(error: unknown, sizeBytes: number): unknown {
    if (!(error instanceof TaskError) || error.code !== "INPUT_TRUNCATED") return error;
    if (sizeBytes > this.#mostBytes) {
      this.#mostBytes = sizeBytes;
      this.#count = 1;
    } else if (this.#mostBytes > 0 && this.#mostBytes - sizeBytes <= LOST_BYTES) this.#count += 1;
    if (this.#count < MAX_SAME_ENDS) return error;
    const message = `${error.message}, as often before`;
    return new TaskError(error.code, message, { cause: error.cause, isFinal: true });
  }
}
