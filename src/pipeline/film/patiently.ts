import { setTimeout as sleep } from "node:timers/promises";
import { type ErrorCode, TaskError } from "../../domain/errors.js";
import { backoffMs } from "../../lib/backoff.js";

/** How long a storage is waited for, in milliseconds. */
export interface Patience {
  /** The first pause; later ones are longer. */
  readonly pauseMs: number;
  readonly limitMs: number;
}

/** Failures of the place where files are kept, not of what made them. */
const STORAGE_CODES: ReadonlySet<ErrorCode> = new Set([
  "UPLOAD_FAILED",
  "STORAGE_REFUSED",
  "DISK_FULL",
]);
const MAX_PAUSE_MS = 60_000;

/** Whether an error is the storage's. */
export function isStorageFault(error: unknown): boolean {
  return error instanceof TaskError && STORAGE_CODES.has(error.code);
}

/**
 * Repeats what fails because of the storage, with growing pauses, until it succeeds or the time is over.
 *
 * @throws the last error; the signal's reason when aborted.
 */
export async function patiently<T>(
  work: () => Promise<T>,
  { pauseMs, limitMs }: Patience,
  signal: AbortSignal,
): Promise<T> {
  const untilMs = performance.now() + limitMs;
  for (let tries = 1; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      if (!isStorageFault(error) || performance.now() >= untilMs) throw error;
    }
    await sleep(backoffMs(tries, { baseMs: pauseMs, capMs: MAX_PAUSE_MS }), undefined, { signal });
  }
}
