import { statSync } from "node:fs";
import { TaskError } from "../../domain/errors.js";
import type { InputFacts, TaskType } from "../../domain/task.js";
import { untilAborted } from "../../lib/until-aborted.js";
import type { DecodingBounds } from "./check-decoding.js";
import type { Noted } from "./noted.js";
import { probeImage, type SeenPicture } from "./probe-image.js";
import { probeVideo } from "./probe-video.js";
import { requireMedia } from "./require-media.js";

/** Limits that an input must keep. */
export interface ProbeLimits extends DecodingBounds {
  /** Limit for a picture, or for one frame of a video. */
  readonly maxPixels: number;
  /** Limit for looking into the file. @default 60000 */
  readonly timeoutMs?: number;
}

/** What the probe found out about an input. `extension` is that of its real type, with the dot. */
export interface ProbedInput extends InputFacts, Noted {
  readonly extension: string;
}

/** Called with what is known of a picture by then. */
export type OnSeen = (seen: SeenPicture & Pick<ProbedInput, "extension">) => void;

/**
 * Looks into a downloaded input. The type is decided by the content. A picture is decoded
 * completely. Of a video, the container's index and its last packets are read.
 *
 * @param onSeen called with a picture that will probably be sent as it is, if it turns out to be whole: by its type,
 *   where that tells enough, and by its header.
 * @throws TaskError INPUT_TYPE_UNSUPPORTED, INPUT_TYPE_MISMATCH (not the declared type),
 *   INPUT_TOO_LARGE (too many pixels, known before decoding), INPUT_DAMAGED, INPUT_TIMEOUT.
 * @throws the reason of `signal` when it is aborted.
 */
export async function probeInput(
  path: string,
  declaredType: TaskType,
  limits: ProbeLimits,
  signal: AbortSignal,
  onSeen?: OnSeen,
): Promise<ProbedInput> {
  signal.throwIfAborted();
  // A picture's decoder cannot be stopped. It ends by its own time limit.
  return await untilAborted(lookInto(path, declaredType, limits, signal, onSeen), signal);
}

async function lookInto(
  path: string,
  declaredType: TaskType,
  limits: ProbeLimits,
  signal: AbortSignal,
  onSeen?: OnSeen,
): Promise<ProbedInput> {
  const { type, mediaType, extension } = await requireMedia(path);
  if (type !== declaredType)
    throw new TaskError(
      "INPUT_TYPE_MISMATCH",
      `Cannot use input: the task is of the type "${declaredType}", but the file is of the type "${type}" (${mediaType})`,
    );
  const bounds = { ...limits, timeoutMs: limits.timeoutMs ?? 60_000 };
  const onPicture = (seen: SeenPicture): void => onSeen?.({ extension, ...seen });
  const probe = type === "image" ? probeImage : probeVideo;
  const facts = await probe(path, mediaType, bounds, signal, onPicture);
  // A video may have got a second index.
  const { size: sizeBytes } = statSync(path);
  return { mediaType, extension, sizeBytes, ...facts };
}
