import { create, type Message } from "@bufbuild/protobuf";
import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
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
  readonly #shutdownSignal: AbortSignal;
  readonly #open = new Set<AbortController>();

  /**
   * @param interceptors the outermost first.
   * @param shutdownSignal triggers the signals of open calls, with its reason.
   */
  constructor(interceptors: readonly Interceptor[], shutdownSignal: AbortSignal) {
    this.#interceptors = interceptors.toReversed();
    this.#shutdownSignal = shutdownSignal;
  }

  /** @throws any error of the handler or an interceptor. */
  async call(method: UnaryMethod, input: UnaryInput): Promise<UnaryOutput> {
    const { controller, timeoutMs } = input;
    const exchange = new UnaryExchange(method.method, input);
    this.#opened(controller);
    const timer = timeoutMs === undefined ? undefined : setTimeout(timeOut, timeoutMs, controller);
    try {
      const { message } = await this.#chain(method)(exchange);
      // A unary call has a single message.
      const single = message as Message;
      return { message: single, header: exchange.setHeader, trailer: exchange.setTrailer };
    } finally {
      clearTimeout(timer);
      this.#ended(controller);
    }
  }

  /** The signal of the shutdown has one listener while calls are open, not one for each. */
  #opened(controller: AbortController): void {
    const signal = this.#shutdownSignal;
    if (this.#open.size === 0) signal.addEventListener("abort", this.#abortAll);
    this.#open.add(controller);
    if (signal.aborted) controller.abort(signal.reason);
  }

  #ended(controller: AbortController): void {
    this.#open.delete(controller);
    if (this.#open.size === 0) this.#shutdownSignal.removeEventListener("abort", this.#abortAll);
    controller.abort(ENDED);
  }

  readonly #abortAll = (): void => {
    for (const controller of this.#open) controller.abort(this.#shutdownSignal.reason);
  };

  #chain({ method, impl }: UnaryMethod): ReturnType<Interceptor> {
    const handle: ReturnType<Interceptor> = async (request) => {
      const exchange = request as UnaryExchange;
      return new UnaryAnswer(
        exchange,
        create(method.output, await impl(exchange.message, exchange)),
      );
    };
    return this.#interceptors.reduce((next, interceptor) => interceptor(next), handle);
  }
}

/** One for all calls: an error is dear to make. */
const ENDED = new Error("The call has ended");

function timeOut(controller: AbortController): void {
  controller.abort(new ConnectError("the operation timed out", Code.DeadlineExceeded));
}
