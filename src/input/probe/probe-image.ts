import { TaskError } from "../../domain/errors.js";
import type { InputFacts } from "../../domain/task.js";
import type { Noted } from "./noted.js";
import { checkPictureMetadata } from "./picture-metadata.js";
import { checkPictureSize, type PictureSize, type ProbeBounds } from "./picture-size.js";

/**
 * Reads a still picture's size from its header, then decodes the whole picture to check that it is
 * complete. The pixels are decoded in stripes. Only interlaced and progressive pictures need the
 * whole raw picture in memory.
 *
 * @throws TaskError INPUT_TOO_LARGE before anything is decoded, INPUT_TYPE_UNSUPPORTED (animated),
 *   INPUT_DAMAGED, INPUT_TIMEOUT.
 */
export async function probeImage(
  path: string,
  mediaType: string,
  { maxPixels, timeoutMs }: ProbeBounds,
  signal: AbortSignal,
): Promise<PictureSize & Pick<InputFacts, "hasAlpha"> & Noted> {
  await checkPictureMetadata(path, mediaType, signal);
  const sharp = await loadSharp();
  try {
    const metadata = await sharp(path, { limitInputPixels: false }).metadata();
    const { autoOrient, hasAlpha, pages = 1 } = metadata;
    checkPictureSize(autoOrient, maxPixels);
    if (pages > 1) throw notStill(pages);
    signal.throwIfAborted();
    await sharp(path, { failOn: "truncated", limitInputPixels: maxPixels, sequentialRead: true })
      .timeout({ seconds: Math.ceil(timeoutMs / 1000) })
      // The output is one pixel, which depends on every row, so no loader may skip rows.
      .resize(1, 1, { fit: "fill", kernel: "nearest", fastShrinkOnLoad: false })
      .raw()
      .toBuffer();
    signal.throwIfAborted();
    const { width, height } = autoOrient;
    return { width, height, ...(hasAlpha && { hasAlpha }), notes: [] };
  } catch (thrown) {
    signal.throwIfAborted();
    throw translateSharpError(thrown, path);
  }
}

/** Loading sharp takes 150 ms, so it is loaded with the first picture. */
async function loadSharp() {
  const { default: sharp } = await import("sharp");
  // Every picture is read once. A cache would only keep decoded pictures and open files.
  sharp.cache(false);
  return sharp;
}

function notStill(frameCount: number): TaskError {
  return new TaskError(
    "INPUT_TYPE_UNSUPPORTED",
    `Cannot use input: it is an animation or has several pages (${frameCount}); send a still image, or a video file for a task of the type "video"`,
  );
}

function translateSharpError(thrown: unknown, path: string): unknown {
  if (thrown instanceof TaskError || !(thrown instanceof Error)) return thrown;
  const [reason = ""] = thrown.message.replaceAll(path, "file").split("\n");
  return reason.startsWith("timeout")
    ? new TaskError("INPUT_TIMEOUT", "Cannot use input: decoding it takes too long", {
        cause: thrown,
      })
    : new TaskError("INPUT_DAMAGED", `Cannot use input: the image is damaged (${reason})`, {
        cause: thrown,
      });
}
