import { setTimeout as sleep } from "node:timers/promises";
import { type BackoffOptions, backoffMs } from "../../lib/backoff.js";
import { OssFailure } from "./failure.js";

/** How often a call is tried in total, and the pauses between the tries. */
export interface RetryOptions extends BackoffOptions {
  readonly tries: number;
}

/**
 * Covers about half a minute. After a longer outage the task itself is retried and resumes from the
 * checkpoint.
 */
export const DEFAULT_RETRY: RetryOptions = { tries: 6, baseMs: 500, capMs: 15_000 };

/**
 * Repeats a call while it fails with a passing failure.
 *
 * @param onRetry called for each failure that is followed by another try.
 * @throws the error of the last try; the signal's reason once it is aborted.
 */
export async function retrying<T>(
  run: () => Promise<T>,
  options: RetryOptions,
  signal: AbortSignal,
  onRetry: (failure: OssFailure) => void = () => {},
): Promise<T> {
  for (let tryCount = 1; ; tryCount++) {
    try {
      return await run();
    } catch (thrown) {
      signal.throwIfAborted();
      const isPassing = thrown instanceof OssFailure && thrown.isPassing;
      if (!isPassing || tryCount >= options.tries) throw thrown;
      onRetry(thrown);
    }
    await pause(backoffMs(tryCount, options), signal);
  }
}

async function pause(pauseMs: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(pauseMs, undefined, { signal });
  } catch (thrown) {
    signal.throwIfAborted();
    throw thrown;
  }
}
