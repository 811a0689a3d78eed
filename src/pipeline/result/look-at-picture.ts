import { loadSharp, pictureSource } from "../../lib/load-sharp.js";
import type { Look } from "./look.js";
import { THUMBNAIL_EDGE } from "./thumbnail.js";

/** No picture of a server is larger, in pixels. */
const MAX_PIXELS = 2 ** 29;
/** Interlaced and progressive pictures are decoded as a whole in memory: 200 MB at this size, in pixels. */
const MAX_WHOLE_PIXELS = 2 ** 26;

/**
 * Decodes a whole picture and looks at it. Of one that is too large to be decoded as a whole, and has to
 * be, only the size is told.
 *
 * @throws any error if it does not decode.
 */
export async function lookAtPicture(
  path: string,
  maxWholePixels = MAX_WHOLE_PIXELS,
): Promise<Look> {
  const sharp = await loadSharp();
  const options = {
    failOn: "truncated",
    limitInputPixels: MAX_PIXELS,
    sequentialRead: true,
  } as const;
  const source = pictureSource(path);
  const { autoOrient, isProgressive } = await sharp(source, options).metadata();
  const { width, height } = autoOrient;
  if (isProgressive && width * height > maxWholePixels) return { width, height, frames: [] };
  const edge = THUMBNAIL_EDGE;
  const rgb = await sharp(source, options)
    .resize(edge, edge, { fit: "fill", fastShrinkOnLoad: false })
    .flatten({ background: "white" })
    .toColourspace("srgb")
    .removeAlpha()
    .raw()
    .toBuffer();
  return { width, height, frames: [{ atSeconds: 0, thumbnail: { rgb } }] };
}
