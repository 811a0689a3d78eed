import Fastify, { type FastifyInstance, type FastifyReply, type RouteHandlerMethod } from "fastify";
import { NO_SCHEMAS } from "../../lib/no-schemas.js";
import { PythonError } from "../python-text.js";
import { isForeignOrigin } from "./origin-guard.js";

/** Options of the HTTP server. */
export interface HttpOptions {
  /** The largest body of any request. ComfyUI's is 100 MiB. */
  readonly maxUploadBytes: number;
  /** Called for errors that no client caused, which are bugs. */
  readonly onError: (error: Error) => void;
}

/** The methods of one path and their handlers. */
export type Methods = Partial<Record<"GET" | "POST", RouteHandlerMethod>>;

/**
 * Makes an HTTP server that behaves like aiohttp: every path also exists under `/api`, the content
 * type of a body does not matter, errors have aiohttp's texts, there is no CORS, and on loopback a
 * foreign `Origin` gets 403.
 */
export function createHttpServer({ maxUploadBytes, onError }: HttpOptions): FastifyInstance {
  const app = Fastify({
    schemaController: NO_SCHEMAS,
    bodyLimit: maxUploadBytes,
    forceCloseConnections: true,
    // aiohttp keeps idle connections for 75 s. A client that uses one later may get a reset.
    keepAliveTimeout: 75_000,
    routerOptions: { ignoreTrailingSlash: false },
    rewriteUrl: ({ url = "/" }) => (isPrefixed(url) ? url.slice("/api".length) : url),
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(/^multipart\/form-data/, (_request, _payload, done) => done(null));
  app.addContentTypeParser("*", { parseAs: "string" }, (_request, body, done) => done(null, body));
  app.addHook("onRequest", async ({ headers, method }, reply) => {
    if (isForeignOrigin(headers.host, headers.origin)) return await reply.code(403).send();
    if (method === "OPTIONS") return await reply.code(200).send();
  });
  app.setNotFoundHandler((_request, reply) => sendText(reply, 404, "404: Not Found"));
  app.setErrorHandler(async (error: Error & { code?: string }, request, reply) => {
    if (error.code === "FST_ERR_CTP_BODY_TOO_LARGE") {
      const actual = request.headers["content-length"] ?? "unknown";
      return await sendTooLarge(reply, maxUploadBytes, actual);
    }
    if (!(error instanceof PythonError)) onError(error);
    return await sendText(reply, 500, SERVER_ERROR);
  });
  return app;
}

/** Adds a path. Its other methods are answered 405. GET also answers HEAD. */
export function addRoute(app: FastifyInstance, url: string, { GET, POST }: Methods): void {
  // HEAD has the same handler, so that it states the length of GET's answer.
  app.route({ method: ["GET", "HEAD"], url, handler: GET ?? notAllowed, exposeHeadRoute: false });
  app.route({ method: "POST", url, handler: POST ?? notAllowed });
  app.route({ method: ["PUT", "PATCH", "DELETE"], url, handler: notAllowed });
}

/** Answers with a text as aiohttp does. */
export function sendText(reply: FastifyReply, status: number, text: string): FastifyReply {
  return reply.code(status).type("text/plain; charset=utf-8").send(text);
}

/** Answers 413 as aiohttp does. */
export function sendTooLarge(
  reply: FastifyReply,
  maxBytes: number,
  actualBytes: number | string,
): FastifyReply {
  const text = `Maximum request body size ${maxBytes} exceeded, actual body size ${actualBytes}`;
  return sendText(reply, 413, text);
}

/** Answers as ComfyUI's commands do, whether or not they had an effect: 200 with an empty body. */
export function sendNothing(reply: FastifyReply): FastifyReply {
  return reply.code(200).type("application/octet-stream").send("");
}

/**
 * The request's JSON body, whatever its content type.
 *
 * @throws PythonError JSONDecodeError, which becomes a 500, as with ComfyUI.
 */
export function jsonBody(body: unknown): unknown {
  try {
    return JSON.parse(String(body ?? ""));
  } catch (error) {
    throw notJson(error);
  }
}

function notJson(cause: unknown): PythonError {
  return new PythonError("json.decoder.JSONDecodeError", "Expecting value", { cause });
}

const notAllowed: RouteHandlerMethod = (_request, reply) =>
  sendText(reply, 405, "405: Method Not Allowed");

/** All paths exist with and without the prefix, except the jobs API of newer servers. */
function isPrefixed(url: string): boolean {
  return url.startsWith("/api/") && !/^\/api\/jobs\b/.test(url);
}

const SERVER_ERROR = "500 Internal Server Error\n\nServer got itself in trouble";
