import { Deadline, LimitExceeded } from "../../lib/deadline.js";
import { untilAborted } from "../../lib/until-aborted.js";

/**
 * Passes items on. Each item must come within `idleMs` after it was requested.
 *
 * @param onIdle makes the error for a source that is too slow.
 * @throws that error; the signal's reason as soon as it is aborted.
 */
export async function* withIdleLimit<T>(
  source: AsyncIterable<T>,
  idleMs: number,
  signal: AbortSignal,
  onIdle: () => Error,
): AsyncGenerator<T, void> {
  const iterator = source[Symbol.asyncIterator]();
  try {
    for (;;) {
      const result = await nextOf(iterator, idleMs, signal, onIdle);
      if (result.done === true) return;
      yield result.value;
    }
  } finally {
    // Not awaited: a stuck source would return only after its next item.
    iterator.return?.().catch(() => undefined);
  }
}

async function nextOf<T>(
  iterator: AsyncIterator<T>,
  idleMs: number,
  signal: AbortSignal,
  onIdle: () => Error,
): Promise<IteratorResult<T>> {
  signal.throwIfAborted();
  using deadline = new Deadline(signal, idleMs);
  try {
    return await untilAborted(iterator.next(), deadline.signal);
  } catch (thrown) {
    throw thrown instanceof LimitExceeded ? onIdle() : thrown;
  }
}
