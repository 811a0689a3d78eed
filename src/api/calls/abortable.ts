import { untilAborted } from "../../lib/until-aborted.js";

/**
 * Passes items on until their source ends or `signal` is aborted, whether or not the source minds it.
 *
 * @throws the signal's reason when it is aborted, also where the source then ends quietly.
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
    // Not awaited: a source that minds no signal would answer only after its next item.
    iterator.return?.().catch(() => undefined);
  }
}
