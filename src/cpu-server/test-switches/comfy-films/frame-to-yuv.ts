import type { Frame } from "../../network/frame.js";

/** Weights of red, green and blue in the brightness of a picture. */
interface Luma {
  readonly red: number;
  readonly blue: number;
}

const BT601: Luma = { red: 0.299, blue: 0.114 };
const BT709: Luma = { red: 0.2126, blue: 0.0722 };

/**
 * A frame as planes of 8-bit Y, U and V in the limited range of BT.601, chroma halved both ways.
 *
 * @param isReadAgain the frame came out of a film of BT.709 by the rule of BT.601: its colours are put right before,
 *   as by a reader who looks at the film's tags.
 */
export function frameToYuv({ width, height, rgb }: Frame, isReadAgain: boolean): Buffer {
  const chromaLength = (width >> 1) * (height >> 1);
  const yuv = Buffer.alloc(width * height + chromaLength * 2);
  const sums = new Float32Array(chromaLength * 2);
  for (let at = 0; at < width * height; at += 1) {
    const pixel = pixelOf(rgb, at * 3, isReadAgain);
    yuv[at] = Math.round(16 + 219 * pixel.y);
    const chroma = (Math.floor(at / width) >> 1) * (width >> 1) + ((at % width) >> 1);
    sums[chroma] = (sums[chroma] ?? 0) + pixel.u / 4;
    sums[chromaLength + chroma] = (sums[chromaLength + chroma] ?? 0) + pixel.v / 4;
  }
  for (const [at, value] of sums.entries())
    yuv[width * height + at] = Math.round(128 + 224 * value);
  return yuv;
}

/** Y from 0 to 1, U and V from -0.5 to 0.5. */
interface Yuv {
  readonly y: number;
  readonly u: number;
  readonly v: number;
}

function pixelOf(rgb: Uint8Array, at: number, isReadAgain: boolean): Yuv {
  const shown = toYuv((rgb[at] ?? 0) / 255, (rgb[at + 1] ?? 0) / 255, (rgb[at + 2] ?? 0) / 255);
  if (!isReadAgain) return shown;
  const { red, green, blue } = toRgb(shown, BT709);
  return toYuv(bounded(red), bounded(green), bounded(blue));
}

function toYuv(red: number, green: number, blue: number): Yuv {
  const y = BT601.red * red + (1 - BT601.red - BT601.blue) * green + BT601.blue * blue;
  return { y, u: (blue - y) / (2 - 2 * BT601.blue), v: (red - y) / (2 - 2 * BT601.red) };
}

function toRgb({ y, u, v }: Yuv, luma: Luma) {
  const red = y + v * (2 - 2 * luma.red);
  const blue = y + u * (2 - 2 * luma.blue);
  return { red, blue, green: (y - luma.red * red - luma.blue * blue) / (1 - luma.red - luma.blue) };
}

function bounded(value: number): number {
  return Math.min(1, Math.max(0, value));
}
