import { TaskError } from "../../domain/errors.js";
import type { DecodingBounds } from "./check-decoding.js";

/** Limits for looking into a picture or video. */
export interface ProbeBounds extends DecodingBounds {
  /** Limit for a picture, or for one frame of a video. */
  readonly maxPixels: number;
  readonly timeoutMs: number;
}

/** Pixels as shown, after rotation. */
export interface PictureSize {
  readonly width: number;
  readonly height: number;
}

/**
 * Refuses a picture or frame that is too large to decode.
 *
 * @throws TaskError INPUT_TOO_LARGE.
 */
export function checkPictureSize({ width, height }: PictureSize, maxPixels: number): void {
  if (width * height > maxPixels)
    throw new TaskError(
      "INPUT_TOO_LARGE",
      `Cannot use input: it has ${width} x ${height} pixels, more than the limit of ${maxPixels}`,
    );
}
