import { setTimeout as sleep } from "node:timers/promises";

/** How long and how often {@link eventually} tries. */
export interface EventuallyOptions {
  /** @default {@link LIMIT_MS} */
  readonly limitMs?: number;
  /** Pause between two tries. @default 10 */
  readonly intervalMs?: number;
}

/** Far longer than anything takes on a busy machine; who waits for less has a reason to. */
export const LIMIT_MS = 150_000;

/**
 * Repeats `check` until it neither throws nor returns false, and returns its result.
 *
 * @throws when `limitMs` have passed: the error of the last try, or an error that says the result
 *   stayed false.
 */
export async function eventually<T>(
  check: () => T | Promise<T>,
  { limitMs = LIMIT_MS, intervalMs = 10 }: EventuallyOptions = {},
): Promise<Exclude<T, false>> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    try {
      const answer = await check();
      if (answer !== false) return answer as Exclude<T, false>;
      if (performance.now() > deadline)
        throw new Error(`Condition still false after ${limitMs} ms`);
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
    await sleep(intervalMs);
  }
}
