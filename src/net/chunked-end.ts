import type { EventEmitter } from "node:events";
import { DecoratorHandler, type Dispatcher, errors } from "undici";

/**
 * Finds chunked bodies that end with their connection and without their last chunk. undici 6 takes
 * whatever came of an answer with `Connection: close` for all of it, inside the event that ends the
 * connection; a body that is whole is complete before that event.
 */
export class ChunkedEnd {
  #isEnding = false;

  /** Watches a connection; to be called before undici gets it. */
  watch(socket: EventEmitter): void {
    for (const event of ["end", "error", "close"]) socket.on(event, () => this.#noteEnd());
  }

  /** Makes such a body fail as one whose connection was lost. */
  readonly interceptor: Dispatcher.DispatcherComposeInterceptor =
    (dispatch) =>
    (options, handler): boolean =>
      dispatch(options, new CutHandler(handler, () => this.#isEnding));

  #noteEnd(): void {
    this.#isEnding = true;
    // All listeners of the event have run by then.
    queueMicrotask(() => {
      this.#isEnding = false;
    });
  }
}

class CutHandler extends DecoratorHandler {
  readonly #handler: Dispatcher.DispatchHandlers;
  readonly #isEnding: () => boolean;
  #isChunked = false;

  constructor(handler: Dispatcher.DispatchHandlers, isEnding: () => boolean) {
    super(handler);
    this.#handler = handler;
    this.#isEnding = isEnding;
  }

  onHeaders(
    statusCode: number,
    headers: Buffer[],
    resume: () => void,
    statusText: string,
  ): boolean {
    const at = headers.findIndex((name) => /^transfer-encoding$/i.test(name.toString("latin1")));
    this.#isChunked = at >= 0 && /\bchunked$/i.test(headers[at + 1]?.toString("latin1") ?? "");
    return this.#handler.onHeaders?.(statusCode, headers, resume, statusText) ?? true;
  }

  onComplete(trailers: string[] | null): void {
    if (this.#isChunked && this.#isEnding())
      this.#handler.onError?.(new errors.SocketError("The connection ended before the last chunk"));
    else this.#handler.onComplete?.(trailers);
  }
}
