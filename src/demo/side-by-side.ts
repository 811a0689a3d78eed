import { join } from "node:path";
import sharp, { type Sharp } from "sharp";
import { crop, type Frame } from "../cpu-server/network/frame.js";
import { resizeFrame } from "../cpu-server/network/resize-frame.js";

const GAP = 8;
/** In pixels of the result. */
const SHOWN_EDGE = 480;
const MAGNIFICATION = 2;

/**
 * Writes one picture for comparison, of the middle of the result, magnified: the input enlarged by
 * Lanczos on the left, the result on the right.
 *
 * @param input path or URL of the input.
 * @returns path of the picture.
 */
export async function writeSideBySide(
  input: string,
  resultPath: string,
  directory: string,
): Promise<string> {
  const result = await read(sharp(resultPath));
  const original = await read(await open(input));
  const resized = await resizeFrame(original, result.width, result.height, "lanczos");
  const parts = [resized, result].map(middle);
  const { width, height } = middle(result);
  const [shownWidth, shownHeight] = [width * MAGNIFICATION, height * MAGNIFICATION];
  const pictures = parts.map(({ rgb }, index) => ({
    input: Buffer.from(rgb),
    raw: { width, height, channels: 3 as const },
    left: index * (width + GAP / MAGNIFICATION),
    top: 0,
  }));
  const path = join(directory, "side-by-side.png");
  const canvas = { width: width * 2 + GAP / MAGNIFICATION, height, channels: 3 as const };
  const both = await sharp({ create: { ...canvas, background: "#ffffff" } })
    .composite(pictures)
    .png()
    .toBuffer();
  await sharp(both)
    .resize(shownWidth * 2 + GAP, shownHeight, { kernel: "nearest" })
    .png()
    .toFile(path);
  return path;
}

function middle(frame: Frame): Frame {
  const width = Math.min(frame.width, SHOWN_EDGE);
  const height = Math.min(frame.height, SHOWN_EDGE);
  const left = Math.floor((frame.width - width) / 2);
  return crop(frame, left, Math.floor((frame.height - height) / 2), width, height);
}

/** What is transparent lies on white. */
async function read(picture: Sharp): Promise<Frame> {
  const { data, info } = await picture
    .flatten({ background: "#ffffff" })
    .toColourspace("srgb")
    .raw({ depth: "uchar" })
    .toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, rgb: data };
}

async function open(input: string): Promise<Sharp> {
  if (!/^https?:\/\//i.test(input)) return sharp(input).rotate();
  const response = await fetch(input);
  return sharp(new Uint8Array(await response.arrayBuffer())).rotate();
}
