import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { ErrorDetailSchema } from "../../gen/tmlsr/v1/error_pb.js";
import { defined } from "../../lib/defined.js";
import type { Logger } from "../../lib/logger.js";
import { toConnectError } from "./error-mapping.js";

/** A call as interceptors see it. */
type Call = Parameters<ReturnType<Interceptor>>[0];

/**
 * Maps every thrown error to the error that the client gets, and logs how the call ended: one line
 * for each failed call, debug lines for the others. No line contains a URL or anything that a
 * client sent.
 */
export function callOutcome(logger: Logger): Interceptor {
  return (next) => async (call) => {
    const startedAt = performance.now();
    const fail = (thrown: unknown): ConnectError => {
      const error = toConnectError(reasonOf(thrown, call.signal));
      logFailure(logger, fieldsOf(call, startedAt), error);
      return error;
    };
    const succeed = () => logger.debug(fieldsOf(call, startedAt), "call succeeded");
    try {
      const answer = await next(call);
      if (answer.stream) return { ...answer, message: follow(answer.message, succeed, fail) };
      succeed();
      return answer;
    } catch (thrown) {
      throw fail(thrown);
    }
  };
}

/**
 * Passes messages on to their end and calls `succeed` or `fail` for it. If the reader cannot write
 * and throws into this iterator, that is not a failure of the call.
 */
async function* follow<T>(
  messages: AsyncIterable<T>,
  succeed: () => void,
  fail: (thrown: unknown) => ConnectError,
): AsyncGenerator<T> {
  const iterator = messages[Symbol.asyncIterator]();
  const next = () =>
    iterator.next().catch((thrown: unknown) => {
      throw fail(thrown);
    });
  try {
    for (let result = await next(); result.done !== true; result = await next()) yield result.value;
    succeed();
  } finally {
    await iterator.return?.();
  }
}

/**
 * After an abort, an AbortError is replaced by the reason of the abort: the client disconnected,
 * its deadline passed or the service stops.
 */
function reasonOf(thrown: unknown, { aborted, reason }: AbortSignal): unknown {
  const breaksOff = thrown === reason || (thrown instanceof Error && thrown.name === "AbortError");
  return aborted && breaksOff ? ConnectError.from(reason) : thrown;
}

/** Codes of calls whose client has disconnected. */
const LEFT: readonly Code[] = [Code.Canceled, Code.Aborted];

/**
 * Log levels: a bug is an error, another fault of the service a warning, a client's fault an info.
 * The end of a client or of the service is not logged as a failure.
 */
function logFailure(logger: Logger, call: object, error: ConnectError): void {
  const [detail] = error.findDetails(ErrorDetailSchema);
  const errorCode = detail?.code;
  const fields = { ...call, code: Code[error.code], ...defined({ errorCode }) };
  if (LEFT.includes(error.code) || errorCode === "SHUTTING_DOWN")
    logger.debug(fields, "call broken off");
  else if (error.code === Code.Internal)
    logger.error({ ...fields, err: error.cause }, "call failed");
  else if (error.code === Code.Unavailable) logger.warn(fields, "call failed");
  else logger.info(fields, "call failed");
}

function fieldsOf({ service, method }: Call, startedAt: number): object {
  const durationMs = Math.round(performance.now() - startedAt);
  return { rpc: `${service.typeName}/${method.name}`, durationMs };
}
