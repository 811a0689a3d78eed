import { TaskError } from "../../domain/errors.js";

/** The error for a video that cannot be read to its end. `reason` ends the sentence. */
export function damagedVideo(reason: string, cause?: unknown): TaskError {
  return new TaskError("INPUT_DAMAGED", `Cannot use input: the video is damaged, ${reason}`, {
    cause,
  });
}
