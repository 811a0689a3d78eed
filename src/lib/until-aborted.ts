/**
 * Waits for a promise, but not beyond the abort of a signal. The promise goes on by itself then; what
 * it comes to is dropped.
 *
 * @throws the signal's reason when it is triggered first.
 */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
