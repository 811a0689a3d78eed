import { TaskError, type Violation } from "../../domain/errors.js";

/** The error of a request with which all this is wrong. */
export function invalidRequest(violations: readonly Violation[], cause?: unknown): TaskError {
  return new TaskError("INVALID_REQUEST", describeViolations(violations), { violations, cause });
}

/** All that is wrong with a request, as one sentence. */
export function describeViolations(violations: readonly Violation[]): string {
  return `Cannot accept the request: ${violations.map(({ message }) => message).join("; ")}`;
}
