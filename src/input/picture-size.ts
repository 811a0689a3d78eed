import { TaskError } from "../domain/errors.js";

/** What looking into a picture or video may take. */
export interface ProbeBounds {
  /** Of the picture, or of one frame of the video. */
  readonly maxPixels: number;
  readonly timeoutMs: number;
}

/** Pixels as shown, rotation applied. */
export interface PictureSize {
  readonly width: number;
  readonly height: number;
}

/**
 * Refuses a picture or frame that is too large to be decoded.
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
