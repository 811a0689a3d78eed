import { Code, ConnectError } from "@connectrpc/connect";
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from "fastify";

import { createProblem, type Problem, ProblemError, sendProblem } from "./problem.js";

/** Maps an error to what HTTP answers. */
type ToProblem = (error: unknown) => Problem;

/** Makes every error of the whole app a problem: what handlers throw and what Fastify refuses by itself. */
export function registerProblems(app: FastifyInstance, toProblem: ToProblem): void {
  app.setErrorHandler((thrown, request, reply) => {
    const error = isBrokenOff(thrown, request) ? BROKEN_OFF : thrown;
    const problem = readFrameworkError(error, request) ?? toProblem(error);
    // What passed the interceptors was logged there.
    if (problem.status >= 500 && !(error instanceof ConnectError)) {
      request.log.error({ err: error }, "Request failed");
    }
    if (error === BROKEN_OFF) request.log.debug("Request broken off by its client");
    return sendProblem(reply, problem);
  });
}

const BROKEN_OFF = new ConnectError("The client went away", Code.Canceled);

/** Node ends a body that does not come in whole with this error. */
function isBrokenOff(error: unknown, { raw }: FastifyRequest): boolean {
  return raw.aborted && error instanceof Error && "code" in error && error.code === "ECONNRESET";
}

/**
 * Answers what Fastify refuses before it looks for a route, e.g. a bad escape in the path. It belongs
 * in Fastify's option `frameworkErrors`.
 */
export function answerFrameworkError(
  error: FastifyError,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  const fallback = createProblem(400, "INVALID_REQUEST", "Cannot read the request");
  sendProblem(reply, readFrameworkError(error, request) ?? fallback);
}

/** 404 for a path that nothing serves. */
export function notFound(): Problem {
  return createProblem(404, "NOT_FOUND", "Not Found");
}

/** 405 for a path that other methods serve. */
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

/** The problem behind an error that is HTTP's or Fastify's own; undefined for all others. */
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

function bodyTooLarge(maxBodyBytes: number | undefined): Problem {
  const limit = maxBodyBytes === undefined ? "allowed" : `${maxBodyBytes} bytes`;
  const detail = `Cannot read the request body: it is larger than ${limit}`;
  return createProblem(413, "BODY_TOO_LARGE", detail);
}

/** An error that Fastify blames on the request. */
function isFastifyError(error: unknown): error is FastifyError & { statusCode: number } {
  if (!(error instanceof Error) || !("code" in error) || !("statusCode" in error)) return false;
  const { code, statusCode } = error;
  if (typeof code !== "string" || typeof statusCode !== "number") return false;
  return code.startsWith("FST_") && statusCode >= 400 && statusCode < 500;
}
