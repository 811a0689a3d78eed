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

function nextOf<T>(
  iterator: AsyncIterator<T>,
  idleMs: number,
  signal: AbortSignal,
  onIdle: () => Error,
): Promise<IteratorResult<T>> {
  const { promise, resolve, reject } = deferred<IteratorResult<T>>();
  const onAbort = () => reject(signal.reason);
  const timer = setTimeout(() => reject(onIdle()), idleMs);
  signal.addEventListener("abort", onAbort);
  if (signal.aborted) onAbort();
  else iterator.next().then(resolve, reject);
  return promise.finally(() => {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
  });
}

function deferred<T>() {
  let resolve: (value: T) => void = () => undefined;
  let reject: (reason: unknown) => void = () => undefined;
  const promise = new Promise<T>((one, other) => {
    resolve = one;
    reject = other;
  });
  return { promise, resolve, reject };
}
