import type {
  ContextValues,
  Interceptor,
  MethodImplSpec,
  ServiceImplSpec,
} from "@connectrpc/connect";
import { createMethodUrl } from "@connectrpc/connect/protocol";
import { fastifyConnectPlugin } from "@connectrpc/connect-fastify";
import { compressionGzip } from "@connectrpc/connect-node";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { FewAtOnce } from "../../lib/few-at-once.js";
import type { MaxBytesOf } from "../calls/max-bytes.js";
import { createProblem, sendProblem } from "../calls/problem.js";
import { UnaryCalls } from "../calls/unary-calls.js";
import { isGrpc } from "./grpc-wire.js";
import type { ServedService } from "./served-service.js";
import { answerStreamingGrpc } from "./streaming-grpc.js";
import { answerUnaryGrpc } from "./unary-grpc.js";

/** Options of {@link registerConnect}. */
export interface ConnectOptions {
  readonly services: readonly ServedService[];
  readonly interceptors: Interceptor[];
  /** Ends open calls with its reason. */
  readonly shutdownSignal: AbortSignal;
  /** The largest request message of each method. */
  readonly maxBytesOf: MaxBytesOf;
  /** What handlers are told of a request: who calls. */
  readonly contextValues: (request: FastifyRequest) => ContextValues;
}

/**
 * Smaller responses are not compressed, because that would cost more than it saves. Otherwise every
 * event of a watch would be compressed.
 */
const COMPRESS_MIN_BYTES = 16 * 1024;

/** More of them were slower with 32 calls at a time, and fewer too. */
const CALLS_PER_TURN = 8;

/** Serves every method of the services over gRPC, gRPC-Web and Connect. */
export function registerConnect(app: FastifyInstance, options: ConnectOptions): void {
  void app.register((scope, _options, done) => {
    const allowed = new Map<string, readonly string[]>();
    scope.addHook("onRequest", requireAuthority);
    scope.addHook("onRequest", tellAllowed(allowed));
    scope.addHook("preHandler", answerGrpc(options));
    void scope.register(fastifyConnectPlugin, {
      routes: (router) => {
        for (const { route } of options.services) route(router, options.maxBytesOf);
        for (const { requestPath, allowedMethods } of router.handlers)
          allowed.set(requestPath, allowedMethods);
      },
      interceptors: options.interceptors,
      contextValues: options.contextValues,
      shutdownSignal: options.shutdownSignal,
      acceptCompression: [compressionGzip],
      compressMinBytes: COMPRESS_MIN_BYTES,
    });
    done();
  });
}

/** Answers gRPC clients before the plugin sees them; it has streams of requests and all other protocols. */
function answerGrpc({ services, ...rest }: ConnectOptions) {
  const calls = new UnaryCalls(rest.interceptors, rest.shutdownSignal);
  const turns = new FewAtOnce(CALLS_PER_TURN);
  const options = { ...rest, calls, compressMinBytes: COMPRESS_MIN_BYTES, turns };
  const methods = new Map(services.flatMap(({ spec }) => methodsOf(spec)));
  return async (request: FastifyRequest, reply: FastifyReply) => {
    const method = methods.get(request.routeOptions.url ?? "");
    if (method === undefined || !isGrpc(request)) return;
    reply.hijack();
    if (method.kind === "unary") await answerUnaryGrpc(method, request, reply, options);
    else await answerStreamingGrpc(method, request, reply, options);
  };
}

function methodsOf({ methods }: ServiceImplSpec) {
  return Object.values<MethodImplSpec>(methods).flatMap((each) =>
    each.kind === "unary" || each.kind === "server_streaming"
      ? [[createMethodUrl("/", each.method), each] as const]
      : [],
  );
}

/** The plugin answers 405 without the allowed methods, which RFC 9110, 15.5.6 demands. */
function tellAllowed(allowed: ReadonlyMap<string, readonly string[]>) {
  return async ({ method, routeOptions }: FastifyRequest, reply: FastifyReply) => {
    const methods = allowed.get(routeOptions.url ?? "");
    if (methods !== undefined && !methods.includes(method))
      reply.header("allow", methods.join(", "));
  };
}

/**
 * The plugin makes a URL from the authority. If that fails, it never answers, so such a request is
 * refused here.
 */
async function requireAuthority({ raw, headers }: FastifyRequest, reply: FastifyReply) {
  const authority = headers[":authority"] ?? headers.host;
  if (authority !== undefined && URL.canParse(raw.url ?? "", `http://${String(authority)}`)) return;
  const detail = "Cannot serve the call: it does not say which host it is for";
  await sendProblem(reply, createProblem(400, "INVALID_REQUEST", detail));
}
