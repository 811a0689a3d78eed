/** Work of more than this at once would be felt by everything else in the process. */
const MAX_WORK_MS = 8;

/**
 * Makes a function that is to be awaited between small pieces of synchronous work: it lets the rest
 * of the process go on every few milliseconds.
 *
 * @throws the signal's reason once it is aborted.
 */
export function takeBreaths(signal: AbortSignal): () => Promise<void> | undefined {
  let sinceMs = performance.now();
  return () => {
    if (performance.now() - sinceMs < MAX_WORK_MS) return undefined;
    return breathe();
  };

  async function breathe(): Promise<void> {
    signal.throwIfAborted();
    await new Promise((resolve) => setImmediate(resolve));
    sinceMs = performance.now();
  }
}
