import { TaskError } from "../domain/errors.js";
import type { InputFacts } from "../domain/task.js";
import { checkPictureSize, type PictureSize, type ProbeBounds } from "./picture-size.js";

/**
 * Reads a still picture's size from its header, then decodes all of it to see that it is whole. The
 * pixels pass by in stripes; the whole raw picture is held only where its format leaves no choice
 * (interlaced, progressive).
 *
 * @throws TaskError INPUT_TOO_LARGE before anything is decoded, INPUT_TYPE_UNSUPPORTED (animated),
 *   INPUT_DAMAGED, INPUT_TIMEOUT.
 */
export async function probeImage(
  path: string,
  { maxPixels, timeoutMs }: ProbeBounds,
  signal: AbortSignal,
): Promise<PictureSize & Pick<InputFacts, "hasAlpha">> {
  const sharp = await loadSharp();
  try {
    const metadata = await sharp(path, { limitInputPixels: false }).metadata();
    const { autoOrient, hasAlpha, pages = 1 } = metadata;
    checkPictureSize(autoOrient, maxPixels);
    if (pages > 1) throw notStill(pages);
    signal.throwIfAborted();
    await sharp(path, { failOn: "truncated", limitInputPixels: maxPixels, sequentialRead: true })
      .timeout({ seconds: Math.ceil(timeoutMs / 1000) })
      // One output pixel needs every row, and no loader may skip any.
      .resize(1, 1, { fit: "fill", kernel: "nearest", fastShrinkOnLoad: false })
      .raw()
      .toBuffer();
    signal.throwIfAborted();
    const { width, height } = autoOrient;
    return { width, height, ...(hasAlpha && { hasAlpha }) };
  } catch (thrown) {
    signal.throwIfAborted();
    throw translateSharpError(thrown, path);
  }
}

/** 150 ms to load: only when the first picture comes. */
async function loadSharp() {
  const { default: sharp } = await import("sharp");
  // Every picture is looked at once; the cache would keep decoded ones and open files.
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
