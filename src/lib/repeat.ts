import { setTimeout as sleep } from "node:timers/promises";
import { backoffMs } from "./backoff.js";

/** How something is repeated. */
export interface RepeatOptions {
  /** Between two times, at most; up to half of it is left out at random, so that processes do not go in step. Not before the first time */
  readonly pauseMs: number;
  /** Before the first time. @default pauseMs */
  readonly firstPauseMs?: number;
  /** Up to which the pauses grow while one time after another fails. @default pauseMs */
  readonly maxPauseMs?: number;
  /** Told what a time threw; not when it was aborted. */
  readonly onError: (error: unknown) => void;
}

/**
 * Calls `work` again and again, each time after a pause, and never before the last call has ended.
 *
 * @returns what ends it: aborts the signal of a call that runs, and waits for it.
 */
export function repeat(
  work: (signal: AbortSignal) => Promise<void>,
  options: RepeatOptions,
): AsyncDisposable {
  const stop = new AbortController();
  const ended = run(work, options, stop.signal);
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await ended;
    },
  };
}

async function run(
  work: (signal: AbortSignal) => Promise<void>,
  { pauseMs, firstPauseMs = pauseMs, maxPauseMs = pauseMs, onError }: RepeatOptions,
  signal: AbortSignal,
): Promise<void> {
  let nextMs = firstPauseMs;
  for (let failureCount = 0; ; ) {
    await sleep(nextMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    try {
      await work(signal);
      failureCount = 0;
    } catch (error) {
      if (signal.aborted) return;
      failureCount += 1;
      onError(error);
    }
    nextMs = backoffMs(failureCount + 1, { baseMs: pauseMs, capMs: maxPauseMs });
  }
}
