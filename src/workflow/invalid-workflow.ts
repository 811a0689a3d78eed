import { TaskError } from "../domain/errors.js";

/** The error of a workflow, or of a file of one, that cannot be used. */
export function invalidWorkflow(name: string, reason: string, cause?: unknown): TaskError {
  return new TaskError("WORKFLOW_INVALID", `Cannot use workflow "${name}": ${reason}`, { cause });
}
