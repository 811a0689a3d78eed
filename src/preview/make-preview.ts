import type { Sharp } from "sharp";
import { sniffMediaType } from "../input/probe/sniff-media-type.js";
import { loadSharp, pictureSource } from "../lib/load-sharp.js";
import { untilAborted } from "../lib/until-aborted.js";
import { posterOf } from "./poster-of.js";
import { MAX_PREVIEW_WIDTH, type PreviewWidth } from "./preview-key.js";

/** Larger pictures get none, in pixels; those that are decoded as a whole already at a quarter of it: 200 MB. */
const MAX_PIXELS = 2 ** 28;
const MAX_WHOLE_PIXELS = MAX_PIXELS / 4;
const WEBP = { quality: 80, effort: 2 } as const;
const LIMIT_SECONDS = 20;

/**
 * A small WebP of a picture, or of a frame of a film: as wide as the widest preview, or as the file itself
 * where that is narrower.
 *
 * @returns undefined for a file of a kind that is not shown, or too large.
 * @throws any error if it does not decode.
 */
export async function makePreview(path: string, signal: AbortSignal): Promise<Buffer | undefined> {
  const { type } = await sniffMediaType(path);
  if (type === undefined) return undefined;
  const picture = type === "image" ? await openPicture(path) : await posterOf(path, signal);
  return picture && (await untilAborted(toWebp(picture, MAX_PREVIEW_WIDTH), signal));
}

/** A preview made smaller; a narrower one stays as wide as it is. */
export async function narrowPreview(preview: Uint8Array, width: PreviewWidth): Promise<Buffer> {
  const sharp = await loadSharp();
  return await toWebp(sharp(preview), width);
}

async function openPicture(path: string): Promise<Sharp | undefined> {
  const sharp = await loadSharp();
  const options = { limitInputPixels: MAX_PIXELS, sequentialRead: true, failOn: "error" } as const;
  const source = pictureSource(path);
  const { width, height, isProgressive } = await sharp(source, {
    limitInputPixels: false,
  }).metadata();
  if (width * height > (isProgressive ? MAX_WHOLE_PIXELS : MAX_PIXELS)) return undefined;
  return sharp(source, options).autoOrient();
}

async function toWebp(picture: Sharp, width: PreviewWidth): Promise<Buffer> {
  const resized = picture.resize({ width, withoutEnlargement: true }).toColourspace("srgb");
  return await resized.webp(WEBP).timeout({ seconds: LIMIT_SECONDS }).toBuffer();
}
