import { IncomingMessage, type ServerResponse } from "node:http";
import {
  constants,
  Http2ServerRequest,
  Http2ServerResponse,
  type Http2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { Socket } from "node:net";
import { refusal } from "./refusal.js";

/** A request of HTTP/1.1 or HTTP/2. */
export type AnyRequest = IncomingMessage | Http2ServerRequest;
/** A response of HTTP/1.1 or HTTP/2. */
export type AnyResponse = ServerResponse | Http2ServerResponse;

/** Limits for slow clients. */
export interface ExchangeLimits {
  /** Time limit of a request's body, from its headers on. Undefined: no limit. */
  readonly bodyTimeoutMs: (request: AnyRequest) => number | undefined;
  /**
   * How long a client may read nothing of its answer. Also how long it may continue to send a body
   * that is already answered.
   */
  readonly stallTimeoutMs: number;
  /** How often both limits are checked. */
  readonly sweepIntervalMs: number;
}

/** A request and its response. */
interface Exchange {
  readonly request: AnyRequest;
  readonly response: AnyResponse;
  /** On the clock of `performance.now()`. It becomes earlier once there is an answer. */
  bodyDueAt: number;
  /** Since when the client reads nothing. Undefined while it reads. */
  stalledSince: number | undefined;
  /** Whether the response has ended before the request; set when this is first seen. */
  wasAnsweredEarly: boolean;
}

/**
 * All running exchanges. An exchange ends when its request has arrived completely and its response
 * is sent, or when its connection or stream has closed.
 *
 * A client that sends its body too slowly is answered 408. A client that does not read is cut off.
 * One timer checks all exchanges.
 */
export class Exchanges implements Disposable {
  readonly #open = new Set<Exchange>();
  readonly #limits: ExchangeLimits;
  readonly #sweeper: NodeJS.Timeout;

  constructor(limits: ExchangeLimits) {
    this.#limits = limits;
    this.#sweeper = setInterval(() => this.#sweep(), limits.sweepIntervalMs);
  }

  /** Adds an exchange that begins. */
  add(request: AnyRequest, response: AnyResponse): void {
    const bodyTimeoutMs = this.#limits.bodyTimeoutMs(request) ?? Number.POSITIVE_INFINITY;
    const bodyDueAt = performance.now() + bodyTimeoutMs;
    const state = { stalledSince: undefined, wasAnsweredEarly: false };
    const exchange: Exchange = { request, response, bodyDueAt, ...state };
    this.#open.add(exchange);
    let closedCount = 0;
    const onClose = () => {
      closedCount += 1;
      if (closedCount === 2) this.#open.delete(exchange);
    };
    request.once("close", onClose);
    response.once("close", () => {
      onClose();
      wakeWriter(response);
    });
    response.on("drain", () => {
      exchange.stalledSince = undefined;
    });
  }

  /** The HTTP/1.1 connections and HTTP/2 sessions that have an exchange. */
  busy(): ReadonlySet<Socket | Http2Session> {
    const busy = new Set<Socket | Http2Session>();
    for (const { request } of this.#open) {
      if (request instanceof IncomingMessage) busy.add(request.socket);
      else if (request.stream.session !== undefined) busy.add(request.stream.session);
    }
    return busy;
  }

  /**
   * Answers 503 to every request that has not arrived completely, so that nobody waits for the rest
   * of it. Must be called repeatedly: a request that already has an answer is ended by the second
   * call, not by the first.
   */
  refuseIncomplete(): void {
    for (const exchange of this.#open) {
      const { request, response } = exchange;
      if (hasArrived(request)) continue;
      if (!response.headersSent) refuse(request, response, 503);
      else if (response.writableEnded) leave(exchange);
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#sweeper);
  }

  #sweep(): void {
    const now = performance.now();
    for (const exchange of this.#open) {
      const { request, response } = exchange;
      if (this.#isStalled(exchange, now)) cut(request, response);
      if (hasArrived(request)) continue;
      if (now > exchange.bodyDueAt) refuse(request, response, 408);
      else if (response.writableEnded) this.#hurry(exchange, now);
    }
  }

  /**
   * Limits the wait for the rest of an answered request. Over HTTP/1.1 a client may read the answer
   * only after it has sent everything.
   */
  #hurry(exchange: Exchange, now: number): void {
    if (exchange.response instanceof Http2ServerResponse) leave(exchange);
    else exchange.bodyDueAt = Math.min(exchange.bodyDueAt, now + this.#limits.stallTimeoutMs);
  }

  #isStalled(exchange: Exchange, now: number): boolean {
    if (!needsDrain(exchange.response)) return false;
    exchange.stalledSince ??= now;
    return now - exchange.stalledSince > this.#limits.stallTimeoutMs;
  }
}

/**
 * Wakes a writer that waits for 'drain'. Some writers, such as connect-node, wait only for this
 * event, and would wait for ever after the client has disconnected.
 */
function wakeWriter(response: AnyResponse): void {
  if (!response.writableFinished) response.emit("drain");
}

/**
 * Whether a request has arrived completely. HTTP/2 sets `complete` only when somebody has read to
 * the end.
 */
function hasArrived(request: AnyRequest): boolean {
  if (request.complete) return true;
  return request instanceof Http2ServerRequest && request.stream.endAfterHeaders;
}

function needsDrain(response: AnyResponse): boolean {
  return response instanceof Http2ServerResponse
    ? response.stream.writableNeedDrain
    : response.writableNeedDrain;
}

/** Answers in place of the request's handler. The handler only learns that the client is gone. */
function refuse(request: AnyRequest, response: AnyResponse, status: 408 | 503): void {
  // An HTTP/1.1 response without a socket waits for an earlier response on the same connection.
  if (response.headersSent || response.socket === null) cut(request, response);
  else if (response instanceof Http2ServerResponse) refuseStream(response.stream, status);
  else {
    response.socket.end(refusal(status));
    response.socket.destroySoon();
  }
}

/**
 * Stops waiting for the rest of an answered request; for HTTP/2 see RFC 9113, section 8.1. The
 * first call only sets a mark, to give the response time to be sent.
 */
function leave(exchange: Exchange): void {
  const { request, response } = exchange;
  if (!exchange.wasAnsweredEarly) exchange.wasAnsweredEarly = true;
  else if (response instanceof Http2ServerResponse)
    response.stream.close(constants.NGHTTP2_NO_ERROR);
  else request.socket.destroy();
}

function refuseStream(stream: ServerHttp2Stream, status: number): void {
  stream.respond({ ":status": status }, { endStream: true });
  stream.close(constants.NGHTTP2_NO_ERROR);
}

function cut(request: AnyRequest, response: AnyResponse): void {
  wakeWriter(response);
  if (response instanceof Http2ServerResponse) response.stream.close(constants.NGHTTP2_CANCEL);
  else request.socket.destroy();
}
