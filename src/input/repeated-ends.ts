import { TaskError } from "../domain/errors.js";

/** An origin that ended so often at the same byte always ends there. */
const MAX_SAME_ENDS = 3;

/** Watches where an origin cuts a file, so that a file that is only there in part is not asked for again and again. */
export class RepeatedEnds {
  #sizeBytes = 0;
  #count = 0;

  /**
   * Judges the error of a try.
   *
   * @param sizeBytes how many bytes are on disk.
   * @returns the error, made final if the origin cut the file at this byte each of the last times.
   */
  judge(error: unknown, sizeBytes: number): unknown {
    if (!(error instanceof TaskError) || error.code !== "INPUT_TRUNCATED" || sizeBytes === 0)
      return error;
    this.#count = sizeBytes === this.#sizeBytes ? this.#count + 1 : 1;
    this.#sizeBytes = sizeBytes;
    if (this.#count < MAX_SAME_ENDS) return error;
    return new TaskError(error.code, `${error.message}, each time`, {
      cause: error.cause,
      isFinal: true,
    });
  }
}
