import type { Frame } from "./frame.js";

/** What the network computed. */
export interface Detail {
  /**
   * For each pixel red, green and blue, as a share of full brightness, of the upper left, upper
   * right, lower left and lower right of the pixels that it becomes.
   */
  readonly sums: Float32Array;
  /** How many pixels of room a row has. */
  readonly stride: number;
}

/** Doubles the picture within the margin by Keys' cubic, and adds the detail. */
export function addDetail(context: Frame, margin: number, { sums, stride }: Detail): Frame {
  const width = (context.width - 2 * margin) * 2;
  const height = (context.height - 2 * margin) * 2;
  const rgb = new Uint8ClampedArray(width * height * 3);
  for (let y = 0; y < height; y += 1) {
    const row = mixRows(context, margin + (y >> 1), y % 2);
    for (let x = 0; x < width; x += 1) {
      const column = margin + (x >> 1);
      const detail = ((margin + (y >> 1)) * stride + column) * 12 + (y % 2) * 2 + (x % 2);
      for (let colour = 0; colour < 3; colour += 1) {
        const plain = mix(row, column * 3 + colour, 3, x % 2);
        rgb[(y * width + x) * 3 + colour] = plain + 255 * (sums[detail + colour * 4] ?? 0);
      }
    }
  }
  return { width, height, rgb: new Uint8Array(rgb.buffer) };
}

function mixRows({ width, rgb }: Frame, row: number, half: number): Float32Array {
  const length = width * 3;
  const start = row * length;
  return new Float32Array(length).map((_, place) => mix(rgb, start + place, length, half));
}

/**
 * The value a quarter of a pixel before (half 0) or behind (half 1) a pixel's centre, by the four
 * pixels around that place.
 */
function mix(values: Uint8Array | Float32Array, at: number, step: number, half: number): number {
  const way = half === 0 ? -step : step;
  return (
    FAR * (values[at - way] ?? 0) +
    NEAREST * (values[at] ?? 0) +
    NEAR * (values[at + way] ?? 0) +
    FARTHEST * (values[at + 2 * way] ?? 0)
  );
}

// Keys' cubic with -1/2, at a distance of 1/4, 3/4, 5/4 and 7/4 pixels.
const NEAREST = 0.8671875;
const NEAR = 0.2265625;
const FAR = -0.0703125;
const FARTHEST = -0.0234375;
