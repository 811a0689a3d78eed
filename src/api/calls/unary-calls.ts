import { create, type Message } from "@bufbuild/protobuf";
import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { perObject } from "../../lib/per-object.js";
import { CALL_ENDED, type CallAbort } from "./call-abort.js";
import {
  UnaryAnswer,
  UnaryExchange,
  type UnaryInput,
  type UnaryMethod,
  type UnaryOutput,
} from "./unary-exchange.js";

/**
 * Makes the unary calls of REST and gRPC, with the interceptors and handlers that Connect calls, too. It
 * stands in for Connect's way of making a call, which costs more than most calls themselves: three linked
 * controllers and five objects of headers for each.
 */
export class UnaryCalls {
  readonly #interceptors: readonly Interceptor[];
  readonly #open = new Set<CallAbort>();
  readonly #shutdownSignal: AbortSignal;

  /**
   * @param interceptors the outermost first.
   * @param shutdownSignal triggers the signals of open calls, with its reason.
   */
  constructor(interceptors: readonly Interceptor[], shutdownSignal: AbortSignal) {
    this.#interceptors = interceptors.toReversed();
    this.#shutdownSignal = shutdownSignal;
    shutdownSignal.addEventListener("abort", () => {
      for (const abort of this.#open) abort.abort(shutdownSignal.reason);
    });
  }

  /** @throws any error of the handler or an interceptor. */
  async call(method: UnaryMethod, input: UnaryInput): Promise<UnaryOutput> {
    const { abort, timeoutMs } = input;
    const exchange = new UnaryExchange(method.method, input);
    this.#open.add(abort);
    if (this.#shutdownSignal.aborted) abort.abort(this.#shutdownSignal.reason);
    const timer = timeoutMs === undefined ? undefined : setTimeout(timeOut, timeoutMs, abort);
    try {
      const { message } = await this.#chainOf(method)(exchange);
      // A unary call has a single message.
      const single = message as Message;
      return { message: single, header: exchange.setHeader, trailer: exchange.setTrailer };
    } finally {
      clearTimeout(timer);
      this.#open.delete(abort);
      abort.abort(CALL_ENDED);
    }
  }

  readonly #chainOf = perObject(({ method, impl }: UnaryMethod): ReturnType<Interceptor> => {
    const handle: ReturnType<Interceptor> = async (request) => {
      const exchange = request as UnaryExchange;
      return new UnaryAnswer(
        exchange,
        create(method.output, await impl(exchange.message, exchange)),
      );
    };
    return this.#interceptors.reduce((next, interceptor) => interceptor(next), handle);
  });
}

function timeOut(abort: CallAbort): void {
  abort.abort(new ConnectError("the operation timed out", Code.DeadlineExceeded));
}
