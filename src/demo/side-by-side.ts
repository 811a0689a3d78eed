import { join } from "node:path";
import type { Sharp } from "sharp";

const GAP = 8;

/**
 * Writes one picture for comparison: the plainly resized input on the left, the result on the
 * right.
 *
 * @param input path or URL of the input.
 * @returns path of the picture.
 */
export async function writeSideBySide(
  input: string,
  resultPath: string,
  directory: string,
): Promise<string> {
  const { default: sharp } = await import("sharp");
  const { width, height } = await sharp(resultPath).metadata();
  const original = await open(input, sharp);
  const resized = await original
    .resize(width, height, { fit: "fill", kernel: "lanczos3" })
    .png()
    .toBuffer();
  const path = join(directory, "side-by-side.png");
  const background = { r: 255, g: 255, b: 255 };
  await sharp({ create: { width: width * 2 + GAP, height, channels: 3, background } })
    .composite([
      { input: resized, left: 0, top: 0 },
      { input: resultPath, left: width + GAP, top: 0 },
    ])
    .png()
    .toFile(path);
  return path;
}

async function open(input: string, sharp: (input: string | Uint8Array) => Sharp): Promise<Sharp> {
  if (!/^https?:\/\//i.test(input)) return sharp(input).rotate();
  const response = await fetch(input);
  return sharp(new Uint8Array(await response.arrayBuffer())).rotate();
}
