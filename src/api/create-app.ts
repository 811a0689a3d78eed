import type { Server } from "node:http";
import { createValidator } from "@bufbuild/protovalidate";
import { cors } from "@connectrpc/connect";
import fastifyCors from "@fastify/cors";
import { type FastifyBaseLogger, type FastifyInstance, fastify, LogController } from "fastify";
import type { Logger } from "../lib/logger.js";
import type { ApiLimits } from "./api-limits.js";
import { toProblem } from "./calls/error-mapping.js";
import { answerFrameworkError } from "./calls/framework-problems.js";
import { sendRefusal } from "./calls/send-refusal.js";
import { registerPlainRoutes } from "./http/plain-routes.js";
import { registerUploads } from "./http/uploads-route.js";
import { createInterceptors } from "./interceptors.js";
import { answerClientError } from "./listener/client-error.js";
import type { Refuse } from "./listener/one-port.js";
import { withoutBadEscapes } from "./rest/percent-encoding.js";
import { registerRest } from "./rest/rest-plugin.js";
import { createFindViolations } from "./rpc/all-violations.js";
import { registerConnect } from "./rpc/connect-routes.js";
import { type ApiServices, serveTmlsr, serveTools } from "./rpc/services.js";

/** More of what HTTP serves, e.g. the files of local results. */
export type ApiPlugin = (app: FastifyInstance) => void | Promise<void>;

/** What {@link createApp} needs. */
export interface AppOptions {
  readonly services: ApiServices;
  readonly logger: Logger;
  readonly limits: ApiLimits;
  /** Origins whose pages may call the API; `*` for any. */
  readonly corsOrigins: readonly string[];
  readonly plugins: readonly ApiPlugin[];
  readonly refuse: Refuse;
  /** When aborted, streams end with its reason. */
  readonly shutdownSignal: AbortSignal;
}

/**
 * Puts together everything that is served: RPCs, their REST transcoding and the plain routes.
 *
 * @param http1 The server whose events the app is to hear. The app listens to nothing by itself:
 * requests are given to its `routing`.
 */
export async function createApp(http1: Server, options: AppOptions): Promise<FastifyInstance> {
  const { logger, limits, corsOrigins, plugins, refuse } = options;
  const app = fastify({
    serverFactory: () => http1,
    loggerInstance: logger as FastifyBaseLogger,
    // A line for each request would name URLs.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: limits.maxRequestBytes,
    // Whatever the form of an id that is not there, it is just not found.
    rewriteUrl: ({ url = "/" }) => withoutBadEscapes(url),
    frameworkErrors: answerFrameworkError,
    clientErrorHandler: answerClientError,
  });
  registerRefusals(app, refuse);
  if (corsOrigins.length > 0) await registerCors(app, corsOrigins);
  await registerCalls(app, options);
  for (const plugin of plugins) await app.register(async (scope) => plugin(scope));
  await app.ready();
  return app;
}

function registerRefusals(app: FastifyInstance, refuse: AppOptions["refuse"]): void {
  app.addHook("onRequest", async (request, reply) => {
    const error = refuse(request.raw);
    if (error) await sendRefusal(request, reply, error);
  });
}

/** What browsers may send and see, by Connect's own lists and what REST has beside them. */
async function registerCors(app: FastifyInstance, origins: readonly string[]): Promise<void> {
  await app.register(fastifyCors, {
    origin: origins.includes("*") ? "*" : [...origins],
    methods: [...cors.allowedMethods, "DELETE"],
    allowedHeaders: [
      ...cors.allowedHeaders,
      "Idempotency-Key",
      "Last-Event-ID",
      "X-Server-Timeout",
    ],
    exposedHeaders: [...cors.exposedHeaders, "Retry-After"],
    // Asked by something else than a browser, OPTIONS is answered as well.
    strictPreflight: false,
    maxAge: 7_200,
  });
}

async function registerCalls(app: FastifyInstance, options: AppOptions): Promise<void> {
  const { logger, limits, services, corsOrigins, shutdownSignal } = options;
  const { maxRequestBytes, maxTimeoutMs, stallTimeoutMs } = limits;
  const tmlsr = serveTmlsr(services);
  const tools = serveTools(tmlsr, services.monitor, shutdownSignal);
  const specs = tmlsr.map(({ spec }) => spec);
  const validator = createValidator();
  const findViolations = createFindViolations(validator, services.tasks);
  const interceptors = createInterceptors(specs, {
    ...{ logger, maxTimeoutMs, shutdownSignal, validator, findViolations },
  });
  registerConnect(app, {
    services: [...tmlsr, ...tools],
    interceptors,
    shutdownSignal,
    maxRequestBytes,
  });
  registerPlainRoutes(app, () => services.monitor.ready());
  registerUploads(app, services.uploads, corsOrigins);
  registerRest(app, {
    services: specs,
    interceptors,
    shutdownSignal,
    maxBodyBytes: maxRequestBytes,
    stalledReaderMs: stallTimeoutMs,
    completeViolations: findViolations,
    toProblem,
  });
}
