import { Code, ConnectError } from "@connectrpc/connect";
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from "fastify";

import { createProblem, type Problem, ProblemError, sendProblem } from "./problem.js";

/** Maps an error to the problem that HTTP answers. */
type ToProblem = (error: unknown) => Problem;

/**
 * Turns every error of the whole app into a problem: errors of handlers, and requests that Fastify
 * itself refuses.
 */
export function registerProblems(app: FastifyInstance, toProblem: ToProblem): void {
  app.setErrorHandler((thrown, request, reply) => {
    const error = isBrokenOff(thrown, request) ? BROKEN_OFF : thrown;
    const problem = readFrameworkError(error, request) ?? toProblem(error);
    // A ConnectError was already logged by the interceptors.
    if (problem.status >= 500 && !(error instanceof ConnectError)) {
      request.log.error({ err: error }, "Request failed");
    }
    if (error === BROKEN_OFF) request.log.debug("Request broken off by its client");
    return sendProblem(reply, problem);
  });
}

const BROKEN_OFF = new ConnectError("The client went away", Code.Canceled);

/** Whether the error is the one with which Node.js ends a body that breaks off. */
function isBrokenOff(error: unknown, { raw }: FastifyRequest): boolean {
  return raw.aborted && error instanceof Error && "code" in error && error.code === "ECONNRESET";
}

/**
 * Answers requests that Fastify refuses before it looks for a route, e.g. for a bad escape in the
 * path. Give it to Fastify's option `frameworkErrors`.
 */
export function answerFrameworkError(
  error: FastifyError,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  const fallback = createProblem(400, "INVALID_REQUEST", "Cannot read the request");
  sendProblem(reply, readFrameworkError(error, request) ?? fallback);
}

/** 404 for a path that has no route. */
export function notFound(): Problem {
  return createProblem(404, "NOT_FOUND", "Not Found");
}

/** 405 for a path that has routes for other methods only. */
export function methodNotAllowed(allow: readonly string[]): Problem {
  return createProblem(405, "METHOD_NOT_ALLOWED", "Method Not Allowed", {
    headers: { allow: allow.join(", ") },
  });
}

/** 415 for a request body that is not JSON. */
export function unsupportedMediaType(): Problem {
  const detail = "Cannot read the request body: its Content-Type must be application/json";
  return createProblem(415, "UNSUPPORTED_MEDIA_TYPE", detail);
}

/** 415 for a request body that is compressed. */
export function unsupportedEncoding(): Problem {
  const detail = "Cannot read the request body: a Content-Encoding is not supported";
  return createProblem(415, "UNSUPPORTED_MEDIA_TYPE", detail, {
    headers: { "accept-encoding": "identity" },
  });
}

/** 400 for a bad escape in the path. */
export function badEscape(): Problem {
  return createProblem(400, "INVALID_REQUEST", "Cannot read the path: it has a bad escape");
}

/** The problem for an error of HTTP or Fastify itself. Undefined for all other errors. */
function readFrameworkError(error: unknown, request: FastifyRequest): Problem | undefined {
  if (error instanceof ProblemError) return error.problem;
  if (!isFastifyError(error)) return undefined;
  switch (error.code) {
    case "FST_ERR_CTP_BODY_TOO_LARGE":
      return bodyTooLarge(request.routeOptions.bodyLimit);
    case "FST_ERR_CTP_INVALID_MEDIA_TYPE":
      return unsupportedMediaType();
    case "FST_ERR_BAD_URL":
      return badEscape();
    default:
      return createProblem(error.statusCode, "INVALID_REQUEST", error.message);
  }
}

/** The answer to a request whose body is larger than its limit. */
export function bodyTooLarge(maxBodyBytes: number | undefined): Problem {
  const limit = maxBodyBytes === undefined ? "allowed" : `${maxBodyBytes} bytes`;
  const detail = `Cannot read the request body: it is larger than ${limit}`;
  return createProblem(413, "BODY_TOO_LARGE", detail);
}

/** An error that Fastify attributes to the request. */
function isFastifyError(error: unknown): error is FastifyError & { statusCode: number } {
  if (!(error instanceof Error) || !("code" in error) || !("statusCode" in error)) return false;
  const { code, statusCode } = error;
  if (typeof code !== "string" || typeof statusCode !== "number") return false;
  return code.startsWith("FST_") && statusCode >= 400 && statusCode < 500;
}
