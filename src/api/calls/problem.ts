import { STATUS_CODES } from "node:http";
import type { FastifyReply } from "fastify";
import type { Violation } from "../../domain/errors.js";

/**
 * The body of every error: `application/problem+json` (RFC 9457) without its optional `status`,
 * because `status` is a string everywhere else in this API and typed clients share one struct.
 */
export interface ProblemBody {
  /** Always `about:blank`: `code` tells problems apart. */
  readonly type: string;
  /** The phrase of the HTTP status. */
  readonly title: string;
  /** One sentence: what failed, on what, what to do. */
  readonly detail: string;
  /** Stable, e.g. `TASK_NOT_FOUND`. */
  readonly code: string;
  /** All that is wrong with a request; absent where nothing is to be said of single fields. */
  readonly errors?: readonly Violation[];
}

/** An error as HTTP answers it. */
export interface Problem {
  /** HTTP status. */
  readonly status: number;
  /** Beside the content type, e.g. `retry-after`; names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: ProblemBody;
}

/** Parts of a {@link Problem} that most have not. */
export interface ProblemOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly violations?: readonly Violation[];
}

/** Makes a problem; its title is the phrase of `status`. */
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
  // Bytes, since Fastify adds a charset to JSON that is text, which this media type does not define.
  return reply
    .code(problem.status)
    .headers(problem.headers)
    .type("application/problem+json")
    .send(Buffer.from(JSON.stringify(problem.body)));
}

/** Thrown to answer with a problem that is HTTP's own and has no gRPC code, e.g. 405. */
export class ProblemError extends Error {
  override readonly name = "ProblemError";
  readonly problem: Problem;

  constructor(problem: Problem, options?: ErrorOptions) {
    super(problem.body.detail, options);
    this.problem = problem;
  }
}
