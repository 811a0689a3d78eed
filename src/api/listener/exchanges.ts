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

/** A request of either protocol. */
export type AnyRequest = IncomingMessage | Http2ServerRequest;
/** A response of either protocol. */
export type AnyResponse = ServerResponse | Http2ServerResponse;

/** How long a client may keep an exchange waiting. */
export interface ExchangeLimits {
  /** How long a request's body may take from its headers on; undefined: as long as it likes. */
  readonly bodyTimeoutMs: (request: AnyRequest) => number | undefined;
  /** How long a client may leave unread what was sent to it, and send on what has its answer. */
  readonly stallTimeoutMs: number;
  /** How often the two are looked at. */
  readonly sweepIntervalMs: number;
}

/** A request with its response. */
interface Exchange {
  readonly request: AnyRequest;
  readonly response: AnyResponse;
  /** On the clock of `performance.now()`; sooner once there is an answer. */
  bodyDueAt: number;
  /** Since when the client reads nothing; undefined while it does. */
  stalledSince: number | undefined;
  /** Whether the response was seen to have ended before the request. */
  wasAnsweredEarly: boolean;
}

/**
 * Every exchange that is going on. An exchange ends when its request has come in whole and its
 * response has gone out, or when its connection or stream has closed.
 *
 * A client that sends its body too slowly is answered 408, one that does not read is cut off. Both
 * are looked for by one timer for all exchanges.
 */
export class Exchanges implements Disposable {
  readonly #open = new Set<Exchange>();
  readonly #limits: ExchangeLimits;
  readonly #sweeper: NodeJS.Timeout;

  constructor(limits: ExchangeLimits) {
    this.#limits = limits;
    this.#sweeper = setInterval(() => this.#sweep(), limits.sweepIntervalMs);
  }

  /** Takes note of an exchange that begins. */
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
    response.once("close", onClose);
    response.once("close", () => wakeWriter(response));
    response.on("drain", () => {
      exchange.stalledSince = undefined;
    });
  }

  /** What is in an exchange: HTTP/1.1 connections and HTTP/2 sessions. */
  busy(): ReadonlySet<Socket | Http2Session> {
    const busy = new Set<Socket | Http2Session>();
    for (const { request } of this.#open) {
      if (request instanceof IncomingMessage) busy.add(request.socket);
      else if (request.stream.session !== undefined) busy.add(request.stream.session);
    }
    return busy;
  }

  /**
   * Answers 503 to every request that has not come in whole, so that nobody waits for the rest of
   * it. To be called again and again: one that has its answer is left alone for the first time.
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

  /** Waits for the rest of an answered request: over HTTP/1.1 a client reads the answer only after it. */
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
 * Whoever waits to write more waits for 'drain' alone, connect-node among them, and would wait for
 * ever when the client has left.
 */
function wakeWriter(response: AnyResponse): void {
  if (!response.writableFinished) response.emit("drain");
}

/** Whether all of a request is here. HTTP/2 has `complete` only once somebody has read to the end. */
function hasArrived(request: AnyRequest): boolean {
  if (request.complete) return true;
  return request instanceof Http2ServerRequest && request.stream.endAfterHeaders;
}

function needsDrain(response: AnyResponse): boolean {
  return response instanceof Http2ServerResponse
    ? response.stream.writableNeedDrain
    : response.writableNeedDrain;
}

/** Answers past whoever handles the request, who only learns that the client is gone. */
function refuse(request: AnyRequest, response: AnyResponse, status: 408 | 503): void {
  // A response of HTTP/1.1 without a socket waits for an earlier one of its connection.
  if (response.headersSent || response.socket === null) cut(request, response);
  else if (response instanceof Http2ServerResponse) refuseStream(response.stream, status);
  else {
    response.socket.end(refusal(status));
    response.socket.destroySoon();
  }
}

/**
 * Waits no longer for the rest of a request that is answered; RFC 9113, section 8.1, has it so for
 * HTTP/2. The first time only takes note, for the response to go out.
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
