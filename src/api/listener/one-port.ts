import { createServer as createHttp1Server, type Server as Http1Server } from "node:http";
import {
  createServer as createHttp2Server,
  type Http2Server,
  type ServerHttp2Session,
} from "node:http2";
import type { Server, Socket } from "node:net";
import type { Logger } from "../../lib/logger.js";
import { closeConnections } from "./close-connections.js";
import { ConnectionLimit } from "./connection-limit.js";
import { type AnyRequest, type AnyResponse, type ExchangeLimits, Exchanges } from "./exchanges.js";
import { GrpcMessageResponse } from "./grpc-message-response.js";
import { http1RequestClass } from "./http1-request.js";
import { addressOf, listenEverywhere, portOf, urlOf } from "./listen-everywhere.js";
import { type PingOptions, pingSession } from "./ping-session.js";
import { sniffProtocol } from "./sniff-protocol.js";

/** Limits of a port. Each one protects it from clients that are slow, frozen or gone. */
export interface PortLimits extends ExchangeLimits, PingOptions {
  /** How long a connection may take to show which protocol it speaks. */
  readonly sniffTimeoutMs: number;
  /** How long the headers of an HTTP/1.1 request may take. */
  readonly headersTimeoutMs: number;
  /** How long an idle HTTP/1.1 connection stays open for another request. */
  readonly keepAliveTimeoutMs: number;
  /** How many connections may be open at once; those above are refused with TOO_MANY_CONNECTIONS. */
  readonly maxConnectionCount: number;
  /** How many streams one HTTP/2 connection may have open. */
  readonly maxConcurrentStreams: number;
  /** How much memory one HTTP/2 connection may use, in units of a million bytes. */
  readonly maxSessionMegabytes: number;
}

/** Handles a request of HTTP/1.1 or HTTP/2. */
export type Handler = (request: AnyRequest, response: AnyResponse) => void;

/** The error with which a request is to be answered before any handler sees it; nothing: it is served. */
export type Refuse = (request: AnyRequest) => unknown;

/** How often Node looks for requests whose headers take too long. */
const HEADERS_CHECK_MS = 1_000;

/**
 * One TCP port for HTTP/1.1 and HTTP/2 in clear text. The first bytes of the client show which
 * protocol it speaks. Each connection is given to one of two servers, which never listen
 * themselves. Both call the same handler.
 */
export class OnePort {
  /**
   * Serves the HTTP/1.1 connections. It emits 'upgrade' and 'clientError', and never listens
   * itself.
   */
  readonly http1: Http1Server;
  readonly #http2: Http2Server;
  readonly #exchanges: Exchanges;
  readonly #limits: PortLimits;
  readonly #logger: Logger;
  /** Every open connection, with its session if it speaks HTTP/2. */
  readonly #connections = new Map<Socket, ServerHttp2Session | undefined>();
  readonly #connectionLimit: ConnectionLimit;
  #servers: readonly Server[] = [];
  #closing: Promise<void> | undefined;

  readonly #refuse: Refuse;

  constructor(handler: Handler, refuse: Refuse, limits: PortLimits, logger: Logger) {
    this.#refuse = refuse;
    this.#limits = limits;
    this.#logger = logger;
    this.#exchanges = new Exchanges(limits);
    this.#connectionLimit = new ConnectionLimit(limits.maxConnectionCount);
    const handle: Handler = (request, response) => {
      this.#exchanges.add(request, response);
      handler(request, response);
    };
    this.http1 = this.#createHttp1(handle);
    this.#http2 = this.#createHttp2(handle);
  }

  /** The URLs it listens on, e.g. `http://127.0.0.1:6008`. */
  get urls(): readonly string[] {
    return this.#servers.map(urlOf);
  }

  /** The addresses it listens on, without the port. */
  get addresses(): readonly string[] {
    return this.#servers.map(addressOf);
  }

  /** How many connections are open, of any protocol or none yet. */
  get connectionCount(): number {
    return this.#connections.size;
  }

  /**
   * Begins to listen. Call it once.
   *
   * @returns the port: `port`, or the chosen one if `port` is 0.
   * @throws Error that names the host on which it cannot listen.
   */
  async listen(hosts: readonly string[], port: number): Promise<number> {
    this.#servers = await listenEverywhere(hosts, port, (socket) => this.#accept(socket));
    for (const server of this.#servers)
      server.on("error", (error) => this.#logger.warn({ err: error }, "cannot accept connection"));
    return portOf(this.#servers[0]) ?? port;
  }

  /** See {@link Refuse}; whoever handles the request has to ask. */
  refusal(request: AnyRequest): unknown {
    return this.#refuse(request) || this.#connectionLimit.refusal(request);
  }

  /**
   * Takes no new connections, and closes each open one as soon as it has no exchange. Requests that
   * have not arrived completely are answered 503. After `graceMs` the remaining connections are
   * cut. Resolves when no connection is left.
   */
  close(graceMs: number): Promise<void> {
    this.#closing ??= this.#close(graceMs);
    return this.#closing;
  }

  #accept(socket: Socket): void {
    if (!this.#connectionLimit.admit(socket)) return;
    this.#connections.set(socket, undefined);
    socket.once("close", () => this.#connections.delete(socket));
    sniffProtocol(socket, this.#limits.sniffTimeoutMs, (protocol) => {
      if (protocol === "http1") this.http1.emit("connection", socket);
      else this.#openSession(socket);
    });
  }

  #openSession(socket: Socket): void {
    // Emitted during the event 'connection'.
    this.#http2.once("session", (session) => {
      this.#connections.set(socket, session);
      this.#connectionLimit.opened(session, socket);
      pingSession(session, this.#limits);
    });
    this.#http2.emit("connection", socket);
  }

  #createHttp1(handle: Handler): Http1Server {
    const options = {
      IncomingMessage: http1RequestClass((request) => Boolean(this.refusal(request))),
      headersTimeout: this.#limits.headersTimeoutMs,
      connectionsCheckingInterval: HEADERS_CHECK_MS,
      keepAliveTimeout: this.#limits.keepAliveTimeoutMs,
      // The class Exchanges limits the time of bodies, for both protocols.
      requestTimeout: 0,
    };
    const server = createHttp1Server(options, handle);
    // Without this event the server keeps no list of its connections and enforces no timeout.
    server.emit("listening");
    return server;
  }

  #createHttp2(handle: Handler): Http2Server {
    const { maxConcurrentStreams, maxSessionMegabytes } = this.#limits;
    const options = {
      Http2ServerResponse: GrpcMessageResponse,
      settings: { maxConcurrentStreams },
      maxSessionMemory: maxSessionMegabytes,
    };
    const server = createHttp2Server(options, handle);
    server.on("sessionError", (error) => this.#logger.debug({ err: error }, "session failed"));
    return server;
  }

  async #close(graceMs: number): Promise<void> {
    for (const server of this.#servers) server.close();
    await closeConnections(this.#connections, this.#exchanges, graceMs);
    this.#exchanges[Symbol.dispose]();
    // Stops the server's timer. The callback gets the error that the server does not listen, which
    // is expected.
    this.http1.close(() => undefined);
  }
}
