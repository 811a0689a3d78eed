import type { JsonValue, Message } from "@bufbuild/protobuf";
import type { FastifyInstance, FastifyReply, FastifyRequest, onRequestHookHandler } from "fastify";
import { defined } from "../../lib/defined.js";
import { CALL_ENDED, type CallAbort } from "../calls/call-abort.js";
import { type CallContext, openCallContext } from "../calls/call-context.js";
import {
  badEscape,
  bodyTooLarge,
  methodNotAllowed,
  notFound,
  registerProblems,
  unsupportedEncoding,
  unsupportedMediaType,
} from "../calls/framework-problems.js";
import { invalidRequest } from "../calls/invalid-request.js";
import { ProblemError } from "../calls/problem.js";
import { UnaryCalls } from "../calls/unary-calls.js";
import { abortWithClient } from "../calls/watch-client.js";
import { createHttpBindings, type HttpBinding } from "./http-binding.js";
import { isJsonMediaType, parseJsonBody } from "./json-body.js";
import { UnreadableRequest } from "./message-reader.js";
import { readTimeoutMs } from "./read-timeout.js";
import { decodeRequest, type RequestParts } from "./request-decoder.js";
import type { RestOptions } from "./rest-options.js";
import { type Match, Router } from "./router.js";
import { SendTogether } from "./send-together.js";
import { callStreaming } from "./streaming-call.js";
import { callUnary, type RestUnaryCall } from "./unary-call.js";

/**
 * Serves every method that has a google.api.http rule over REST. The calls stay in this process and
 * run the same handlers and interceptors as over gRPC. The plugin takes all paths that no other
 * route of `app` takes, and turns every error of the app into a problem (see {@link
 * registerProblems}).
 *
 * @throws Error for a rule that cannot be served.
 */
export function registerRest(app: FastifyInstance, options: RestOptions): void {
  const router = createRouter(options);
  const calls = new UnaryCalls(options.interceptors, options.shutdownSignal);
  const together = new SendTogether();
  registerProblems(app, options.toProblem);
  // Only methods that Fastify does not know get here, since all others have a route.
  app.setNotFoundHandler(async (request) => {
    findRoute(router, request);
    throw new ProblemError(notFound());
  });
  void app.register((scope, _options, done) => {
    // All bodies are read as bytes. The http rule decides whether a body counts, not its type.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, parsed) => {
      parsed(null, body);
    });
    scope.decorateRequest(ROUTE, null);
    // CORS has its own OPTIONS route for every path.
    const isTaken = scope.hasRoute({ method: "OPTIONS", url: "/*" });
    const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
    scope.route({
      method: isTaken ? methods : [...methods, "OPTIONS"],
      url: "/*",
      exposeHeadRoute: false,
      bodyLimit: largestBody(options),
      onRequest: onRequestHooks(router, options),
      handler: (request, reply) => serve(request, reply, options, { calls, together }),
    });
    done();
  });
}

/** In their order; none of them is asynchronous without need. */
function onRequestHooks(router: Router<HttpBinding>, options: RestOptions): onRequestHookHandler[] {
  const { authorize } = options;
  const open: onRequestHookHandler = (request, reply, done) => {
    const abort = abortWithClient(reply);
    request.setDecorator(ROUTE, { ...findRoute(router, request), abort });
    done();
  };
  const judge: onRequestHookHandler = (request, reply, done) => {
    const { binding } = request.getDecorator<OpenRoute>(ROUTE);
    authorize?.(request, reply, binding.method.method).then(() => done(), done);
  };
  const limit: onRequestHookHandler = (request, _reply, done) => {
    const announcedBytes = Number(request.headers["content-length"] ?? 0);
    refuseLarge(announcedBytes, request.getDecorator<OpenRoute>(ROUTE), options);
    done();
  };
  return authorize ? [open, judge, limit] : [open, limit];
}

const ROUTE = "restRoute";

interface Route {
  readonly binding: HttpBinding;
  readonly captures: readonly string[];
  readonly query: string;
  readonly mediaType: string | undefined;
}

interface OpenRoute extends Route {
  /** Aborted when the client goes away. */
  readonly abort: CallAbort;
}

function createRouter({ services }: RestOptions): Router<HttpBinding> {
  const router = new Router<HttpBinding>();
  for (const binding of createHttpBindings(services)) {
    router.add(binding.httpMethod, binding.template, binding);
  }
  return router;
}

/** A body is read up to the largest limit of all methods before the limit of its own counts. */
function largestBody({ services, maxBytesOf }: RestOptions): number {
  const methods = services.flatMap((service) => Object.values(service.methods));
  return Math.max(1, ...methods.map(({ method }) => maxBytesOf(method)));
}

/** @throws ProblemError 413 */
function refuseLarge(bodyBytes: number, { binding }: Route, { maxBytesOf }: RestOptions): void {
  const limit = maxBytesOf(binding.method.method);
  if (bodyBytes > limit) throw new ProblemError(bodyTooLarge(limit));
}

function findRoute(router: Router<HttpBinding>, request: FastifyRequest): Route {
  // RFC 9112, 3.2.2: a server must also accept the absolute form of a URL.
  const [path = "", ...query] = request.url.replace(/^https?:\/\/[^/]*/i, "").split("?");
  const match = matchPath(router, request.method, path);
  if (match === undefined) throw new ProblemError(notFound());
  if (match.kind === "wrong-method") throw new ProblemError(methodNotAllowed(match.allow));
  const mediaType = request.headers["content-type"];
  // Fastify would refuse a malformed Content-Type. Here it matters only if there is a body.
  delete request.headers["content-type"];
  return { binding: match.value, captures: match.captures, query: query.join("?"), mediaType };
}

function matchPath(
  router: Router<HttpBinding>,
  method: string,
  path: string,
): Match<HttpBinding> | undefined {
  try {
    return router.match(method, path);
  } catch (cause) {
    throw new ProblemError(badEscape(), { cause });
  }
}

async function serve(
  request: FastifyRequest,
  reply: FastifyReply,
  options: RestOptions,
  unary: Pick<RestUnaryCall, "calls" | "together">,
): Promise<FastifyReply> {
  const route = request.getDecorator<OpenRoute>(ROUTE);
  const { binding } = route;
  const { method } = binding;
  const heardIn = unary.together.hear();
  let context: CallContext | undefined;
  try {
    const lastEventId = request.headers["last-event-id"];
    if (request.body instanceof Uint8Array) refuseLarge(request.body.length, route, options);
    const parts = {
      ...route,
      body: readBody(route, request),
      lastEventId: typeof lastEventId === "string" ? lastEventId : undefined,
    };
    const message = await decode(binding, parts, options);
    const { abort } = route;
    if (method.kind === "unary")
      return await callUnary(method, {
        ...{ binding, message, abort, heardIn, ...unary },
        ...{ options, request, reply },
      });
    context = openCallContext(method.method, request, {
      ...{ protocolName: "rest", timeoutMs: readTimeoutMs(request) },
      ...{ clientSignal: abort.signal, shutdownSignal: options.shutdownSignal },
      ...defined({ contextValues: options.contextValues?.(request) }),
    });
    await callStreaming(method, { binding, message, context, options, request, reply });
    return reply;
  } finally {
    context?.abort(CALL_ENDED);
  }
}

/** @throws TaskError INVALID_REQUEST with all violations, those of types and all others. */
async function decode(
  binding: HttpBinding,
  parts: RequestParts,
  { completeViolations }: RestOptions,
): Promise<Message> {
  try {
    return decodeRequest(binding, parts);
  } catch (thrown) {
    if (!(thrown instanceof UnreadableRequest) || completeViolations === undefined) throw thrown;
    const { rest, violations } = thrown;
    throw invalidRequest(await completeViolations(binding.method.method, rest, violations), thrown);
  }
}

/** @returns undefined if the rule takes no body or the request has none. */
function readBody(
  { binding, mediaType }: Route,
  { body, headers }: FastifyRequest,
): JsonValue | undefined {
  if (binding.body === "none" || !(body instanceof Uint8Array) || body.length === 0) {
    return undefined;
  }
  // A body without a type is refused too, because a browser can send one to another site without
  // asking that site.
  if (mediaType === undefined || !isJsonMediaType(mediaType)) {
    throw new ProblemError(unsupportedMediaType());
  }
  // RFC 9110, 15.5.16: an unsupported encoding gets the same status as an unsupported media type.
  const { "content-encoding": encoding = "identity" } = headers;
  if (!/^\s*identity\s*$/i.test(encoding)) throw new ProblemError(unsupportedEncoding());
  return parseJsonBody(body);
}
