import type { Sharp } from "sharp";
import { loadSharp, pictureSource } from "../../lib/load-sharp.js";
import type { Look } from "./look.js";
import { THUMBNAIL_EDGE } from "./thumbnail.js";

/** No picture of a server is larger, in pixels. */
const MAX_PIXELS = 2 ** 29;
/** Interlaced and progressive pictures are decoded as a whole in memory: 200 MB at this size, in pixels. */
const MAX_WHOLE_PIXELS = 2 ** 26;
/** A small file of so few pixels is decoded beside its header, whatever that tells: 16 MB at most. */
const EARLY_PIXELS = 2 ** 22;

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
  const source = pictureSource(path);
  const open = (limitInputPixels: number): Sharp =>
    sharp(source, { failOn: "truncated", limitInputPixels, sequentialRead: true });
  const isSmall = typeof source !== "string";
  // What is wrong with it, the second try finds out.
  const early = isSmall ? thumbnailOf(open(EARLY_PIXELS)).catch(() => undefined) : undefined;
  try {
    const { autoOrient, isProgressive } = await open(MAX_PIXELS).metadata();
    const { width, height } = autoOrient;
    if (isProgressive && width * height > maxWholePixels) return { width, height, frames: [] };
    const rgb = (await early) ?? (await thumbnailOf(open(MAX_PIXELS)));
    return { width, height, frames: [{ atSeconds: 0, thumbnail: { rgb } }] };
  } finally {
    await early;
  }
}

/** Every row of it is decoded. */
async function thumbnailOf(picture: Sharp): Promise<Buffer> {
  const edge = THUMBNAIL_EDGE;
  return await picture
    .resize(edge, edge, { fit: "fill", fastShrinkOnLoad: false })
    .flatten({ background: "white" })
    .toColourspace("srgb")
    .removeAlpha()
    .raw()
    .toBuffer();
}
