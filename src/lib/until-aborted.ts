/**
 * Waits for a promise, but stops waiting when the signal is aborted. The promise itself continues;
 * its result or error is then dropped.
 *
 * @throws the signal's reason if it is aborted first.
 */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
