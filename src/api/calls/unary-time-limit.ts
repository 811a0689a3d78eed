import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";

/**
 * Ends a unary call after `maxTimeoutMs`, or earlier if the client's deadline passes or the client
 * disconnects. The work of the call may continue, but nobody waits for it.
 *
 * When the service stops, unary calls are not ended by this, because a call may already have begun
 * to write.
 */
export function unaryTimeLimit(maxTimeoutMs: number, shutdownSignal: AbortSignal): Interceptor {
  return (next) => async (call) => {
    if (call.stream) return next(call);
    const { signal } = call;
    const { promise: limit, reject } = rejectable();
    const onTimeout = () =>
      reject(new ConnectError("the operation timed out", Code.DeadlineExceeded));
    const onAbort = () => {
      if (signal.reason !== shutdownSignal.reason) reject(signal.reason);
    };
    const timer = setTimeout(onTimeout, maxTimeoutMs);
    signal.addEventListener("abort", onAbort);
    try {
      return await Promise.race([next(call), limit]);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
    }
  };
}

function rejectable(): { promise: Promise<never>; reject: (reason: unknown) => void } {
  let reject: (reason: unknown) => void = () => undefined;
  const promise = new Promise<never>((_, rejectPromise) => {
    reject = rejectPromise;
  });
  return { promise, reject };
}
