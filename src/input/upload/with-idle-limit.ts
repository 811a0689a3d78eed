import { Deadline, LimitExceeded } from "../../lib/deadline.js";
import { untilAborted } from "../../lib/until-aborted.js";

/**
 * Passes items on for as long as each comes within `idleMs` after it was asked for.
 *
 * @param onIdle makes the error for a source that is too slow.
 * @throws that error; the signal's reason when it is aborted, at once.
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
    // Not awaited: a source that is stuck would answer only after its next item.
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
