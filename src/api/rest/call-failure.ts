import { TaskError } from "../../domain/errors.js";

/**
 * Why a call failed. What shutdown cut short is told apart from other aborts, whatever the handler
 * made of the signal.
 */
export function toCallFailure(error: unknown, shutdownSignal: AbortSignal): unknown {
  if (!shutdownSignal.aborted) return error;
  const isAbort = error instanceof Error && error.name === "AbortError";
  if (error !== shutdownSignal.reason && !isAbort) return error;
  return new TaskError("SHUTTING_DOWN", "The service is shutting down; try again in a moment", {
    cause: error,
  });
}
