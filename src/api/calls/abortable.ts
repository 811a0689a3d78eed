import { untilAborted } from "../../lib/until-aborted.js";

/**
 * Passes items on until their source ends or `signal` is aborted, even if the source ignores the
 * signal.
 *
 * @throws the signal's reason when it is aborted, even if the source then ends without an error.
 */
export async function* abortable<T>(
  source: AsyncIterable<T>,
  signal: AbortSignal,
): AsyncGenerator<T, void> {
  const iterator = source[Symbol.asyncIterator]();
  try {
    for (;;) {
      const result = await untilAborted(iterator.next(), signal);
      if (result.done === true) return;
      yield result.value;
    }
  } finally {
    // Not awaited: a source that ignores the signal would return only after its next item.
    iterator.return?.().catch(() => undefined);
  }
}
