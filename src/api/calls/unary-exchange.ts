import type { IncomingHttpHeaders } from "node:http";
import type { Message } from "@bufbuild/protobuf";
import type {
  ContextValues,
  HandlerContext,
  MethodImplSpec,
  UnaryRequest,
  UnaryResponse,
} from "@connectrpc/connect";
import type { CallAbort } from "./call-abort.js";

/** A unary method and its handler. */
export type UnaryMethod = Extract<MethodImplSpec, { kind: "unary" }>;

/** What a unary call comes with. */
export interface UnaryInput {
  readonly message: Message;
  readonly protocolName: "rest" | "grpc";
  readonly requestMethod: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly values: ContextValues;
  /** Undefined: the client set no deadline. */
  readonly timeoutMs: number | undefined;
  /** Aborted when the client goes away; the call aborts it when it ends. */
  readonly abort: CallAbort;
}

/** A response, and the headers and trailers that the handler or an interceptor has set. */
export interface UnaryOutput {
  readonly message: Message;
  readonly header: Headers | undefined;
  readonly trailer: Headers | undefined;
}

/**
 * One unary call, as interceptors and handlers see it. The signal and all headers are made when somebody
 * asks for them, which is seldom.
 */
export class UnaryExchange implements UnaryRequest, HandlerContext {
  readonly stream = false;
  readonly method: UnaryMethod["method"];
  readonly message: Message;
  readonly requestMethod: string;
  readonly url: string;
  readonly protocolName: string;
  readonly values: ContextValues;
  readonly #input: UnaryInput;
  readonly #startedAtMs = performance.now();
  #requestHeader: Headers | undefined;
  #responseHeader: Headers | undefined;
  #responseTrailer: Headers | undefined;

  constructor(method: UnaryMethod["method"], input: UnaryInput) {
    this.method = method;
    this.message = input.message;
    this.requestMethod = input.requestMethod;
    this.url = input.url;
    this.protocolName = input.protocolName;
    this.values = input.values;
    this.#input = input;
  }

  get service(): UnaryMethod["method"]["parent"] {
    return this.method.parent;
  }

  get contextValues(): ContextValues {
    return this.values;
  }

  get signal(): AbortSignal {
    return this.#input.abort.signal;
  }

  /** See {@link CallAbort.onAbort}. */
  onAbort(listener: ((reason: unknown) => void) | undefined): void {
    this.#input.abort.onAbort(listener);
  }

  readonly timeoutMs = (): number | undefined => {
    const { timeoutMs } = this.#input;
    const passedMs = performance.now() - this.#startedAtMs;
    return timeoutMs === undefined ? undefined : timeoutMs - passedMs;
  };

  get header(): Headers {
    this.#requestHeader ??= toWebHeaders(this.#input.headers);
    return this.#requestHeader;
  }

  get requestHeader(): Headers {
    return this.header;
  }

  get responseHeader(): Headers {
    this.#responseHeader ??= new Headers();
    return this.#responseHeader;
  }

  get responseTrailer(): Headers {
    this.#responseTrailer ??= new Headers();
    return this.#responseTrailer;
  }

  /** What was set of the response's headers; undefined: nothing. */
  get setHeader(): Headers | undefined {
    return this.#responseHeader;
  }

  /** What was set of the response's trailers; undefined: nothing. */
  get setTrailer(): Headers | undefined {
    return this.#responseTrailer;
  }
}

/** The response to a unary call, as interceptors see it. */
export class UnaryAnswer implements UnaryResponse {
  readonly stream = false;
  readonly message: Message;
  readonly #exchange: UnaryExchange;

  constructor(exchange: UnaryExchange, message: Message) {
    this.#exchange = exchange;
    this.message = message;
  }

  get method(): UnaryMethod["method"] {
    return this.#exchange.method;
  }

  get service(): UnaryMethod["method"]["parent"] {
    return this.#exchange.service;
  }

  get header(): Headers {
    return this.#exchange.responseHeader;
  }

  get trailer(): Headers {
    return this.#exchange.responseTrailer;
  }
}

/** The headers of a request as the web's class. */
export function toWebHeaders(headers: IncomingHttpHeaders): Headers {
  const result = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    // HTTP/2 has pseudo-headers, which the class Headers refuses.
    if (value === undefined || name.startsWith(":")) continue;
    result.set(name, Array.isArray(value) ? value.join(", ") : value);
  }
  return result;
}
