import { setTimeout as sleep } from "node:timers/promises";
import { TaskError } from "../../domain/errors.js";
import { backoffMs } from "../../lib/backoff.js";

const PAUSE = { baseMs: 100, capMs: 5_000 };
/** Takes about a minute and a half in all: longer than any lease. */
const MAX_TRIES = 24;

/**
 * Writes to the store, and repeats the write while the database cannot be reached. The lease bounds
 * the repetition: a task that was taken over meanwhile answers `lost`, or its signal ends the wait.
 */
export async function persist<T>(write: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await write();
    } catch (error) {
      const isPassing =
        error instanceof TaskError && ["STORE_UNAVAILABLE", "DISK_FULL"].includes(error.code);
      if (!isPassing || tries >= MAX_TRIES) throw error;
    }
    await sleep(backoffMs(tries, PAUSE), undefined, signal && { signal });
  }
}
