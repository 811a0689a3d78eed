import { TaskError } from "../../domain/errors.js";

/**
 * How large the index of a video, or the metadata of a picture, may be, since decoders keep them in
 * memory.
 */
export const MAX_METADATA_BYTES = 64 * 1024 ** 2;

/** The error for more than that. `what` names what was found. */
export function tooMuchMetadata(what: string): TaskError {
  return new TaskError(
    "INPUT_TOO_LARGE",
    `Cannot use input: ${what}, more than the limit of ${MAX_METADATA_BYTES}`,
  );
}
