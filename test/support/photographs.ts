import { readdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { crop, type Frame } from "../../src/cpu-server/network/frame.js";
import { resizeFrame } from "../../src/cpu-server/network/resize-frame.js";

/** A photograph for judging networks. */
export interface Photograph {
  readonly name: string;
  readonly frame: Frame;
}

/** How a photograph is made smaller; what enlarges it has to find the way back. */
export const REDUCTIONS = ["bicubic", "area"] as const;

/** The photographs of `test/fixtures/photographs`, their edges cut to multiples of 4. */
export async function readPhotographs(): Promise<readonly Photograph[]> {
  const dir = new URL("../fixtures/photographs/", import.meta.url);
  const names = (await readdir(dir)).filter((name) => /\.(png|jpg)$/.test(name)).sort();
  return await Promise.all(
    names.map(async (name) => ({ name, frame: await read(fileURLToPath(new URL(name, dir))) })),
  );
}

/** Reduces to a fraction of the edges, aligned to the pixel. */
export async function reduce(
  frame: Frame,
  scale: number,
  reduction: (typeof REDUCTIONS)[number],
): Promise<Frame> {
  return await resizeFrame(frame, frame.width / scale, frame.height / scale, reduction);
}

/** Without its rim, where methods differ in what they think lies beyond it. */
export function withoutRim(frame: Frame): Frame {
  return crop(frame, RIM, RIM, frame.width - 2 * RIM, frame.height - 2 * RIM);
}

const RIM = 8;

async function read(path: string): Promise<Frame> {
  const { data, info } = await sharp(path)
    .removeAlpha()
    .toColourspace("srgb")
    .raw()
    .toBuffer({ resolveWithObject: true });
  const { width, height } = info;
  return crop({ width, height, rgb: data }, 0, 0, width - (width % 4), height - (height % 4));
}
