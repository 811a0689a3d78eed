import { STATUS_CODES } from "node:http";
import type { FastifyReply } from "fastify";
import type { Violation } from "../../domain/errors.js";

/**
 * The body of every error: `application/problem+json` (RFC 9457) without its optional `status`. In
 * the rest of this API `status` is a string, and typed clients share one struct.
 */
export interface ProblemBody {
  /** Always `about:blank`, since `code` distinguishes problems. */
  readonly type: string;
  /** The phrase of the HTTP status. */
  readonly title: string;
  /** One sentence: which action failed, on which value, and what to do. */
  readonly detail: string;
  /** Stable, e.g. `TASK_NOT_FOUND`. */
  readonly code: string;
  /** All violations of a request. Absent if no single fields are wrong. */
  readonly errors?: readonly Violation[];
}

/** An error as HTTP answers it. */
export interface Problem {
  /** HTTP status. */
  readonly status: number;
  /** Headers in addition to the content type, e.g. `retry-after`. Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: ProblemBody;
}

/** Optional parts of a {@link Problem}. */
export interface ProblemOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly violations?: readonly Violation[];
}

/** Makes a problem. Its title is the phrase of `status`. */
export function createProblem(
  status: number,
  code: string,
  detail: string,
  { headers = {}, violations = [] }: ProblemOptions = {},
): Problem {
  const body = { type: "about:blank", title: STATUS_CODES[status] ?? "Error", detail, code };
  return {
    status,
    headers,
    body: violations.length === 0 ? body : { ...body, errors: violations },
  };
}

/** Answers a request with a problem. */
export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  // Sent as bytes, because Fastify adds a charset to JSON text, and this media type defines none.
  return reply
    .code(problem.status)
    .headers(problem.headers)
    .type("application/problem+json")
    .send(Buffer.from(JSON.stringify(problem.body)));
}

/** Throw it to answer with a problem of HTTP that has no gRPC code, e.g. 405. */
export class ProblemError extends Error {
  override readonly name = "ProblemError";
  readonly problem: Problem;

  constructor(problem: Problem, options?: ErrorOptions) {
    super(problem.body.detail, options);
    this.problem = problem;
  }
}
