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
  const row = new Float32Array(context.width * 3);
  for (let y = 0; y < height; y += 1) {
    const line = margin + (y >> 1);
    mixRows(context, line, y & 1, row);
    for (let x = 0; x < width; x += 1) {
      const column = margin + (x >> 1);
      const detail = (line * stride + column) * 12 + (y & 1) * 2 + (x & 1);
      const place = (y * width + x) * 3;
      for (let colour = 0; colour < 3; colour += 1) {
        const plain = mix(row, column * 3 + colour, (x & 1) === 0 ? -3 : 3);
        rgb[place + colour] = plain + 255 * (sums[detail + colour * 4] ?? 0);
      }
    }
  }
  return { width, height, rgb: new Uint8Array(rgb.buffer) };
}

function mixRows({ width, rgb }: Frame, line: number, half: number, row: Float32Array): void {
  const start = line * width * 3;
  const step = half === 0 ? -width * 3 : width * 3;
  for (let place = 0; place < row.length; place += 1) row[place] = mix(rgb, start + place, step);
}

/** The value a quarter of a step behind a pixel's centre, by the four pixels around that place. */
function mix(values: Uint8Array | Float32Array, at: number, step: number): number {
  return (
    FAR * (values[at - step] ?? 0) +
    NEAREST * (values[at] ?? 0) +
    NEAR * (values[at + step] ?? 0) +
    FARTHEST * (values[at + 2 * step] ?? 0)
  );
}

// Keys' cubic with -1/2, at a distance of 1/4, 3/4, 5/4 and 7/4 pixels.
const NEAREST = 0.8671875;
const NEAR = 0.2265625;
const FAR = -0.0703125;
const FARTHEST = -0.0234375;
