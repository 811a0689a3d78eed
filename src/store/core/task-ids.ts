import { randomUUID } from "node:crypto";

/** The form of a task id. That of a chunk is another: clients know none. */
export const TASK_ID = /^[0-9a-f]{32}$/;

/** The form of the id of a task or a chunk. */
export const UNIT_ID = /^[0-9a-f]{32}(-[0-9]{6})?$/;

const MAX_PER_MS = 0x1_0000;

/**
 * Makes task ids: 32 hexadecimal digits, of which 12 are milliseconds, 4 a counter within the
 * millisecond and 16 (64 bits) random. Ids of one source strictly grow, even when the clock does not.
 */
export class TaskIds {
  #lastMs = 0;
  #count = 0;

  next(nowMs: number): string {
    this.#count = nowMs > this.#lastMs ? 0 : this.#count + 1;
    this.#lastMs = Math.max(this.#lastMs, nowMs);
    if (this.#count === MAX_PER_MS) {
      this.#count = 0;
      this.#lastMs += 1;
    }
    return hex(this.#lastMs, 12) + hex(this.#count, 4) + randomHex();
  }
}

/** The ends of a UUID are random, its middle is not; Node has those of a hundred UUIDs in store. */
function randomHex(): string {
  const uuid = randomUUID();
  return uuid.slice(0, 4) + uuid.slice(-12);
}

function hex(value: number, digitCount: number): string {
  return value.toString(16).padStart(digitCount, "0");
}
