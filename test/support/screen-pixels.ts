import type { Locator } from "playwright-core";
import sharp from "sharp";

/** Pixels as three bytes each. */
export interface Pixels {
  readonly data: Buffer;
  readonly width: number;
  readonly height: number;
}

/** What is to be seen of an element. */
export async function pixelsOnScreen(element: Locator): Promise<Pixels> {
  return await readPixels(await element.screenshot({ animations: "disabled" }));
}

/** Decodes a picture. */
export async function readPixels(picture: Buffer | string): Promise<Pixels> {
  const image = sharp(picture).removeAlpha().toColourspace("srgb").raw();
  const { data, info } = await image.toBuffer({ resolveWithObject: true });
  return { data, width: info.width, height: info.height };
}

/** A part of a picture. */
export async function cutOut(
  { data, width, height }: Pixels,
  area: { readonly left: number; readonly top: number; width: number; height: number },
): Promise<Pixels> {
  const raw = { width, height, channels: 3 } as const;
  const part = await sharp(data, { raw }).extract(area).raw().toBuffer();
  return { data: part, width: area.width, height: area.height };
}

/** How far two pictures of the same size are apart: the mean of all differences, 0 to 255. */
export function meanDifference(a: Pixels, b: Pixels): number {
  if (a.data.length !== b.data.length) throw new Error("The pictures have different sizes");
  let sum = 0;
  for (const [index, value] of a.data.entries()) sum += Math.abs(value - (b.data[index] ?? 0));
  return sum / a.data.length;
}
