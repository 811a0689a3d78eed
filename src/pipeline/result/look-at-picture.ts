import type { Look } from "./look.js";
import { THUMBNAIL_EDGE } from "./thumbnail.js";

/** No picture of a server is larger, in pixels. */
const MAX_PIXELS = 2 ** 29;

/** Decodes a whole picture and looks at it. @throws any error if it does not decode. */
export async function lookAtPicture(path: string): Promise<Look> {
  const { default: sharp } = await import("sharp");
  // Every picture is read once. A cache would only keep decoded pictures and open files.
  sharp.cache(false);
  const options = {
    failOn: "truncated",
    limitInputPixels: MAX_PIXELS,
    sequentialRead: true,
  } as const;
  const { autoOrient } = await sharp(path, options).metadata();
  const edge = THUMBNAIL_EDGE;
  const rgb = await sharp(path, options)
    .rotate()
    .resize(edge, edge, { fit: "fill", fastShrinkOnLoad: false })
    .flatten({ background: "white" })
    .toColourspace("srgb")
    .removeAlpha()
    .raw()
    .toBuffer();
  return {
    width: autoOrient.width,
    height: autoOrient.height,
    frames: [{ atSeconds: 0, thumbnail: { rgb } }],
  };
}
