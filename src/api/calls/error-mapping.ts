import type { MessageInitShape } from "@bufbuild/protobuf";
import { CompilationError, RuntimeError, ValidationError } from "@bufbuild/protovalidate";
import { Code, ConnectError } from "@connectrpc/connect";
import { type ErrorCode, type ErrorKind, TaskError } from "../../domain/errors.js";
import { ErrorDetailSchema } from "../../gen/tmlsr/v1/error_pb.js";
import { invalidRequest } from "./invalid-request.js";
import { createProblem, type Problem } from "./problem.js";
import { toViolations } from "./to-violations.js";

/** The code of each kind of failure over gRPC and Connect. HTTP's status follows from it. */
const CODE_OF_KIND: Readonly<Record<ErrorKind, Code>> = {
  invalid: Code.InvalidArgument,
  precondition: Code.FailedPrecondition,
  unauthenticated: Code.Unauthenticated,
  forbidden: Code.PermissionDenied,
  "not-found": Code.NotFound,
  conflict: Code.AlreadyExists,
  exhausted: Code.ResourceExhausted,
  unavailable: Code.Unavailable,
};

/** The HTTP status of each gRPC code. 499: the client has disconnected. */
const STATUS_OF_CODE: Readonly<Record<Code, number>> = {
  [Code.InvalidArgument]: 400,
  [Code.FailedPrecondition]: 400,
  [Code.OutOfRange]: 400,
  [Code.Unauthenticated]: 401,
  [Code.PermissionDenied]: 403,
  [Code.NotFound]: 404,
  [Code.Aborted]: 409,
  [Code.AlreadyExists]: 409,
  [Code.ResourceExhausted]: 429,
  [Code.Canceled]: 499,
  [Code.Unknown]: 500,
  [Code.Internal]: 500,
  [Code.DataLoss]: 500,
  [Code.Unimplemented]: 501,
  [Code.Unavailable]: 503,
  [Code.DeadlineExceeded]: 504,
};

/** What HTTP has a status of its own for. 421: the request is for another host (RFC 9110, 15.5.20). */
const STATUS_OF_ERROR: { readonly [code in ErrorCode]?: number } = { HOST_NOT_ALLOWED: 421 };

/** Sentences that clients of the REST API compare with. */
const KEPT_DETAILS: { readonly [code in ErrorCode]?: string } = {
  TASK_NOT_FOUND: "Task not found",
  TASK_ALREADY_ENDED: "Unable to cancel task (already completed or failed)",
};

const INTERNAL = new TaskError(
  "INTERNAL",
  "An internal error occurred; the service's log has the details",
);

/**
 * The error that a client of gRPC, gRPC-Web or Connect gets. An expected failure keeps its message
 * and gets an ErrorDetail with its stable code. An unknown error becomes INTERNAL without its text.
 * The original is the `cause`.
 */
export function toConnectError(thrown: unknown): ConnectError {
  if (thrown instanceof ConnectError) return knownConnectError(thrown);
  const error = thrown instanceof TaskError && thrown.code !== "INTERNAL" ? thrown : INTERNAL;
  const code = error === INTERNAL ? Code.Internal : CODE_OF_KIND[error.kind];
  const detail: MessageInitShape<typeof ErrorDetailSchema> = {
    code: error.code,
    violations: error.violations.map(({ field, message }) => ({ field, message })),
    ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: Math.ceil(error.retryAfterMs) }),
  };
  const outgoing = [{ desc: ErrorDetailSchema, value: detail }];
  return new ConnectError(error.message, code, undefined, outgoing, thrown);
}

/**
 * The error that a client of the REST API gets: the result of {@link toConnectError} as a problem.
 */
export function toProblem(thrown: unknown): Problem {
  const error = toConnectError(thrown);
  const [detail] = error.findDetails(ErrorDetailSchema);
  const { code = "INTERNAL", violations = [], retryAfterMs } = detail ?? {};
  const text = KEPT_DETAILS[code as ErrorCode] ?? error.rawMessage;
  const status = STATUS_OF_ERROR[code as ErrorCode] ?? STATUS_OF_CODE[error.code];
  return createProblem(status, code, text, {
    violations: violations.map(({ field, message }) => ({ field, message })),
    headers: {
      ...(retryAfterMs !== undefined && { "retry-after": String(Math.ceil(retryAfterMs / 1000)) }),
      // RFC 9110, 15.5.2.
      ...(status === 401 && { "www-authenticate": 'Bearer realm="tmlsr"' }),
    },
  });
}

/**
 * Replaces those errors of Connect and of the validator that tell something about the service's
 * internals.
 */
function knownConnectError(error: ConnectError): ConnectError {
  const { cause, code } = error;
  if (error.findDetails(ErrorDetailSchema).length > 0) return error;
  if (cause instanceof ValidationError)
    return toConnectError(invalidRequest(toViolations(cause), cause));
  // If a rule cannot be evaluated, the fault is the service's, although the interceptor blames the
  // client.
  const isOurFault = cause instanceof CompilationError || cause instanceof RuntimeError;
  if (isOurFault || STATUS_OF_CODE[code] === 500) return toConnectError(cause ?? error.rawMessage);
  const detail = [{ desc: ErrorDetailSchema, value: { code: stableCodeOf(code) } }];
  return new ConnectError(error.rawMessage, code, error.metadata, detail, cause ?? error);
}

/**
 * The stable code of an error that Connect raised itself: the name of its gRPC code, `NOT_FOUND`
 * for Code.NotFound.
 */
function stableCodeOf(code: Code): string {
  if (code === Code.InvalidArgument) return "INVALID_REQUEST";
  return Code[code].replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase();
}
