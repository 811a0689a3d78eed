import { TaskError, type Violation } from "../../domain/errors.js";

/** The error of a request with these violations. */
export function invalidRequest(violations: readonly Violation[], cause?: unknown): TaskError {
  return new TaskError("INVALID_REQUEST", describeViolations(violations), { violations, cause });
}

/** All violations of a request in one sentence. */
export function describeViolations(violations: readonly Violation[]): string {
  return `Cannot accept the request: ${violations.map(({ message }) => message).join("; ")}`;
}
