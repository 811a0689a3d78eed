import { stat } from "node:fs/promises";
import { TaskError } from "../domain/errors.js";
import type { InputFacts, TaskType } from "../domain/task.js";
import { probeImage } from "./probe-image.js";
import { probeVideo } from "./probe-video.js";
import { requireMedia } from "./require-media.js";

/** What an input may be. */
export interface ProbeLimits {
  /** Of the picture, or of one frame of the video. */
  readonly maxPixels: number;
  /** How long looking into the file may take. @default 60000 */
  readonly timeoutMs?: number;
}

/** What an input turned out to be, with the extension of its real type, with the dot. */
export interface ProbedInput extends InputFacts {
  readonly extension: string;
}

/**
 * Looks into a downloaded input: its type by its content, a picture by decoding all of it, a video
 * by its container's index and last packets.
 *
 * @throws TaskError INPUT_TYPE_UNSUPPORTED, INPUT_TYPE_MISMATCH (not what was declared),
 *   INPUT_TOO_LARGE (too many pixels, known before decoding), INPUT_DAMAGED, INPUT_TIMEOUT; the
 *   reason of `signal` when that is aborted.
 */
export async function probeInput(
  path: string,
  declaredType: TaskType,
  limits: ProbeLimits,
  signal?: AbortSignal,
): Promise<ProbedInput> {
  signal?.throwIfAborted();
  const { type, mediaType, extension } = await requireMedia(path);
  if (type !== declaredType)
    throw new TaskError(
      "INPUT_TYPE_MISMATCH",
      `Cannot use input: the task is of the type "${declaredType}", but the file is of the type "${type}" (${mediaType})`,
    );
  const { size: sizeBytes } = await stat(path);
  const bounds = { maxPixels: limits.maxPixels, timeoutMs: limits.timeoutMs ?? 60_000 };
  const probe = type === "image" ? probeImage : probeVideo;
  const facts = await probe(path, bounds, signal ?? new AbortController().signal);
  return { mediaType, extension, sizeBytes, ...facts };
}
