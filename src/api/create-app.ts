import type { Server } from "node:http";
import type { Validator } from "@bufbuild/protovalidate";
import { cors } from "@connectrpc/connect";
import fastifyCors from "@fastify/cors";
import {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyRequest,
  fastify,
  LogController,
} from "fastify";
import type { Logger } from "../lib/logger.js";
import { NO_SCHEMAS } from "../lib/no-schemas.js";
import type { ApiLimits } from "./api-limits.js";
import { toProblem } from "./calls/error-mapping.js";
import { answerFrameworkError } from "./calls/framework-problems.js";
import { maxBytesOf } from "./calls/max-bytes.js";
import { sendRefusal } from "./calls/send-refusal.js";
import { registerPlainRoutes } from "./http/plain-routes.js";
import { registerPreferWait } from "./http/prefer-wait.js";
import { registerUploads } from "./http/uploads-route.js";
import { auditCalls } from "./identity/audit-calls.js";
import { endWithKey } from "./identity/end-with-key.js";
import { type ApiGate, addressOf, Identity } from "./identity/identity.js";
import { registerIdentity } from "./identity/register-identity.js";
import { createInterceptors } from "./interceptors.js";
import { answerClientError } from "./listener/client-error.js";
import type { Refuse } from "./listener/one-port.js";
import { withoutBadEscapes } from "./rest/percent-encoding.js";
import { registerRest } from "./rest/rest-plugin.js";
import { createFindViolations } from "./rpc/all-violations.js";
import { registerConnect } from "./rpc/connect-routes.js";
import { meterUploads, type UploadMeter } from "./rpc/metered-uploads.js";
import {
  type ApiServices,
  type ServicesFor,
  serveTmlsr,
  serveTools,
  type UploadsFor,
} from "./rpc/services.js";

/** Adds further HTTP routes, e.g. for the files of local results. */
export type ApiPlugin = (app: FastifyInstance) => void | Promise<void>;

/** Access by keys. */
export interface ApiAccess extends ApiGate, UploadMeter {
  readonly servicesFor: ServicesFor;
}

/** Options of {@link createApp}. */
export interface AppOptions {
  readonly services: ApiServices;
  /** Absent: nobody is asked for a key, and `services` serve all. */
  readonly access: ApiAccess | undefined;
  readonly logger: Logger;
  readonly limits: ApiLimits;
  /** Origins whose pages may call the API. `*` allows any. */
  readonly corsOrigins: readonly string[];
  readonly plugins: readonly ApiPlugin[];
  readonly refuse: Refuse;
  readonly validator: Validator;
  /** When aborted, streams end with its reason. */
  readonly shutdownSignal: AbortSignal;
}

/**
 * Builds the app with everything that is served: RPCs, their REST transcoding and the plain routes.
 *
 * @param http1 The server whose events the app listens to. The app does not listen on a port
 *   itself: requests are given to its `routing`.
 */
export async function createApp(http1: Server, options: AppOptions): Promise<FastifyInstance> {
  const { logger, limits, corsOrigins, plugins, refuse, access, services } = options;
  const app = fastify({
    serverFactory: () => http1,
    loggerInstance: logger as FastifyBaseLogger,
    // Fastify's line for each request would contain URLs.
    logController: new LogController({ disableRequestLogging: true }),
    // A logger for each request would cost more than it tells: nothing but a number.
    childLoggerFactory: (parent) => parent,
    schemaController: NO_SCHEMAS,
    bodyLimit: limits.maxRequestBytes,
    // An id with a bad escape names nothing, so the answer is "not found" as for any unknown id.
    rewriteUrl: ({ url = "/" }) => withoutBadEscapes(url),
    frameworkErrors: answerFrameworkError,
    clientErrorHandler: answerClientError,
  });
  registerRefusals(app, refuse);
  if (corsOrigins.length > 0) await registerCors(app, corsOrigins, access !== undefined);
  const servicesFor = access?.servicesFor ?? (() => services);
  const identity = new Identity(access, (taskId, caller) => servicesFor(caller).tasks.get(taskId));
  if (access) registerIdentity(app, identity);
  await registerCalls(app, options, identity, servicesFor);
  for (const plugin of plugins) await app.register(async (scope) => plugin(scope));
  await app.ready();
  return app;
}

function registerRefusals(app: FastifyInstance, refuse: AppOptions["refuse"]): void {
  app.addHook("onRequest", (request, reply, done) => {
    const error = refuse(request.raw);
    if (error) sendRefusal(request, reply, error).catch(done);
    else done();
  });
}

/** Headers that browsers may send and read: Connect's own lists and the additional ones of REST. */
async function registerCors(
  app: FastifyInstance,
  origins: readonly string[],
  isByKeys: boolean,
): Promise<void> {
  await app.register(fastifyCors, {
    origin: origins.includes("*") ? "*" : [...origins],
    methods: [...cors.allowedMethods, "DELETE"],
    allowedHeaders: [
      ...cors.allowedHeaders,
      "Idempotency-Key",
      "Last-Event-ID",
      "Prefer",
      "X-Server-Timeout",
      ...(isByKeys ? KEY_HEADERS : []),
    ],
    exposedHeaders: [
      ...cors.exposedHeaders,
      "Preference-Applied",
      "Retry-After",
      ...(isByKeys ? LIMIT_HEADERS : []),
    ],
    // OPTIONS is also answered for clients that are not browsers.
    strictPreflight: false,
    maxAge: 7_200,
  });
}

const KEY_HEADERS = ["Authorization", "X-Api-Key"];
const LIMIT_HEADERS = ["RateLimit", "RateLimit-Policy"];

async function registerCalls(
  app: FastifyInstance,
  options: AppOptions,
  identity: Identity,
  servicesFor: ServicesFor,
): Promise<void> {
  const { logger, limits, services, access, corsOrigins, validator, shutdownSignal } = options;
  const servicesOf = (request: FastifyRequest) => servicesFor(identity.callerOf(request));
  const contextValues = (request: FastifyRequest) => identity.contextValues(request);
  const { maxTimeoutMs, stallTimeoutMs } = limits;
  const uploadsFor: UploadsFor = (caller, address) => {
    const { uploads } = servicesFor(caller);
    return access ? meterUploads(uploads, access, caller, address) : uploads;
  };
  const tmlsr = serveTmlsr(servicesFor, uploadsFor, services);
  const tools = serveTools(tmlsr, services.monitor, shutdownSignal);
  const specs = tmlsr.map(({ spec }) => spec);
  const findViolations = createFindViolations(validator, services.tasks);
  const outer = { logger, maxTimeoutMs, shutdownSignal, validator, findViolations };
  const byKeys = access ? [endWithKey, auditCalls(access.note)] : [];
  const interceptors = [...createInterceptors(outer), ...byKeys];
  registerPreferWait(app, { tasksOf: (request) => servicesOf(request).tasks, shutdownSignal });
  registerConnect(app, {
    services: [...tmlsr, ...tools],
    interceptors,
    shutdownSignal,
    maxBytesOf: maxBytesOf(limits),
    contextValues,
  });
  registerPlainRoutes(app, () => services.monitor.ready());
  registerUploads(
    app,
    (request) => uploadsFor(identity.callerOf(request), addressOf(request)),
    corsOrigins,
  );
  registerRest(app, {
    services: specs,
    interceptors,
    shutdownSignal,
    maxBytesOf: maxBytesOf(limits),
    stalledReaderMs: stallTimeoutMs,
    completeViolations: findViolations,
    toProblem,
    contextValues,
    ...(access && { authorize: (...args) => identity.authorize(...args) }),
  });
}
