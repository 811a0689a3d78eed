import { setMaxListeners } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createValidator } from "@bufbuild/protovalidate";
import type { FastifyInstance } from "fastify";
import { TaskError } from "../domain/errors.js";
import type { Logger } from "../lib/logger.js";
import { type ApiLimits, DEFAULT_LIMITS } from "./api-limits.js";
import { toConnectError } from "./calls/error-mapping.js";
import { type ApiAccess, type ApiPlugin, createApp } from "./create-app.js";
import type { AnyRequest, AnyResponse } from "./listener/exchanges.js";
import { createHostCheck, isLoopback } from "./listener/host-check.js";
import { OnePort } from "./listener/one-port.js";
import { prepareValidator } from "./rpc/prepare-validator.js";
import type { ApiServices } from "./rpc/services.js";

/** Options of {@link startApiServer}. */
export interface ApiServerOptions {
  /** Addresses to listen on. "::1" is left out if the machine has no IPv6. */
  readonly hosts: readonly string[];
  /** The one port for all protocols. 0: a free port, the same on every host. */
  readonly port: number;
  /** The use cases. */
  readonly services: ApiServices;
  /** Access by keys. @default nobody is asked for a key */
  readonly access?: ApiAccess;
  readonly logger: Logger;
  /** Origins whose pages may call the API. `*` allows any. @default none */
  readonly corsOrigins?: readonly string[];
  /**
   * Names and addresses, without ports, that requests may be for beside loopback's, where it listens
   * on loopback alone. @default none
   */
  readonly allowedHosts?: readonly string[];
  /** What is served beside the RPCs. @default nothing */
  readonly plugins?: readonly ApiPlugin[];
  /** It listens when this has settled; everything else is done meanwhile. @default at once */
  readonly listenAfter?: Promise<void>;
  /** Replaces some of the default limits. */
  readonly limits?: Partial<ApiLimits>;
}

/** Options of closing the API. */
export interface CloseOptions {
  /** How long unary calls may take to finish. @default 10000 */
  readonly graceMs?: number;
}

/** The running API. */
export interface ApiServer extends AsyncDisposable {
  readonly port: number;
  /** The URLs it listens on, e.g. `http://127.0.0.1:6008`. */
  readonly urls: readonly string[];
  /** The number of open connections. */
  readonly connectionCount: number;
  /**
   * Closes the API. It takes no new connections and calls, and ends every stream with UNAVAILABLE
   * (SHUTTING_DOWN). Unary calls may finish for up to `graceMs`; what is left is then cut.
   * Idempotent.
   */
  close(options?: CloseOptions): Promise<void>;
}

const DEFAULT_GRACE_MS = 10_000;

/**
 * Serves gRPC, gRPC-Web, Connect and REST on one port.
 *
 * @throws Error that names the host on which it cannot listen.
 */
export async function startApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const { hosts, services, access, corsOrigins = [], allowedHosts = [], plugins = [] } = options;
  const logger = options.logger.child({ part: "api" });
  const limits: ApiLimits = { ...DEFAULT_LIMITS, ...options.limits };
  const shutdown = new AbortController();
  const shutdownSignal = shutdown.signal;
  // Every open call has a listener on this signal.
  setMaxListeners(0, shutdownSignal);
  let app: FastifyInstance | undefined;
  const checkHost = createHostCheck(allowedHosts);
  let isLocal = true;
  const onePort = new OnePort(
    (request, response) => route(app, request, response),
    (request) =>
      (isLocal && checkHost(request)) || (shutdownSignal.aborted && shutdownSignal.reason),
    { ...limits, bodyTimeoutMs: (request) => bodyTimeoutMs(request, limits) },
    logger,
  );
  const refuse = (request: AnyRequest) => onePort.refusal(request);
  const validator = createValidator();
  const appOptions = {
    services,
    access,
    logger,
    limits,
    corsOrigins,
    plugins,
    refuse,
    validator,
    shutdownSignal,
  };

  async function close(graceMs: number): Promise<void> {
    shutdown.abort(toConnectError(new TaskError("SHUTTING_DOWN", SHUTTING_DOWN)));
    await onePort.close(graceMs);
    await app?.close();
  }
  try {
    app = await createApp(onePort.http1, appOptions);
    await options.listenAfter;
    const port = await onePort.listen(hosts, options.port);
    isLocal = onePort.addresses.every(isLoopback);
    logger.info({ urls: onePort.urls }, "listening");
    void prepareValidator(validator, shutdownSignal);
    return new ListeningServer(onePort, port, close);
  } catch (error) {
    await close(0);
    throw error;
  }
}

const SHUTTING_DOWN = "Cannot go on: the service is shutting down; try again in a moment";

class ListeningServer implements ApiServer {
  readonly port: number;
  readonly urls: readonly string[];
  readonly #onePort: OnePort;
  readonly #close: (graceMs: number) => Promise<void>;
  #closed: Promise<void> | undefined;

  constructor(onePort: OnePort, port: number, close: (graceMs: number) => Promise<void>) {
    this.port = port;
    this.urls = onePort.urls;
    this.#onePort = onePort;
    this.#close = close;
  }

  get connectionCount(): number {
    return this.#onePort.connectionCount;
  }

  close({ graceMs = DEFAULT_GRACE_MS }: CloseOptions = {}): Promise<void> {
    this.#closed ??= this.#close(graceMs);
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/**
 * Fastify also serves HTTP/2 requests, which have compatible objects. Its types allow only one
 * protocol at a time.
 */
function route(app: FastifyInstance | undefined, request: AnyRequest, response: AnyResponse): void {
  app?.routing(request as IncomingMessage, response as ServerResponse);
}

/**
 * Reflection calls have no limit, since their clients may send for as long as they like. Uploads
 * have their own limits.
 */
function bodyTimeoutMs({ url = "" }: AnyRequest, limits: ApiLimits): number | undefined {
  return UNTIMED.test(url) ? undefined : limits.bodyTimeoutMs;
}

const UNTIMED = /^\/(grpc\.reflection\.|tmlsr\.v1\.UploadService\/|uploads\/?(\?|$))/;
