import { Code, ConnectError, type Interceptor, type UnaryRequest } from "@connectrpc/connect";
import { UnaryExchange } from "./unary-exchange.js";

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
    const { promise: limit, reject } = rejectable();
    const onTimeout = () =>
      reject(new ConnectError("the operation timed out", Code.DeadlineExceeded));
    const timer = setTimeout(onTimeout, maxTimeoutMs);
    const stopListening = onAborted(call, (reason) => {
      if (reason !== shutdownSignal.reason) reject(reason);
    });
    try {
      return await Promise.race([next(call), limit]);
    } finally {
      clearTimeout(timer);
      stopListening();
    }
  };
}

/** @returns what ends the listening. */
function onAborted(call: UnaryRequest, listener: (reason: unknown) => void): () => void {
  if (call instanceof UnaryExchange) {
    call.onAbort(listener);
    return () => call.onAbort(undefined);
  }
  const { signal } = call;
  const onAbort = () => listener(signal.reason);
  signal.addEventListener("abort", onAbort);
  return () => signal.removeEventListener("abort", onAbort);
}

function rejectable(): { promise: Promise<never>; reject: (reason: unknown) => void } {
  let reject: (reason: unknown) => void = () => undefined;
  const promise = new Promise<never>((_, rejectPromise) => {
    reject = rejectPromise;
  });
  return { promise, reject };
}
