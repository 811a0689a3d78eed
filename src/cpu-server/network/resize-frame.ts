import { setImmediate as turn } from "node:timers/promises";
import { checkSize, type Frame } from "./frame.js";

/** ComfyUI's methods of resizing, under its names. */
export const RESIZE_METHODS = ["nearest-exact", "bilinear", "area", "bicubic", "lanczos"] as const;

/** One of {@link RESIZE_METHODS}. */
export type ResizeMethod = (typeof RESIZE_METHODS)[number];

/**
 * Resizes a frame by interpolation. The aspect ratio may change.
 *
 * @throws PythonError MemoryError if the result is too large.
 */
export async function resizeFrame(
  { rgb, alpha, ...size }: Frame,
  width: number,
  height: number,
  method: ResizeMethod,
): Promise<Frame> {
  checkSize(width, height);
  const resize = (values: Uint8Array, channelCount: number) =>
    resizeValues({ ...size, values, channelCount }, width, height, method);
  const resized = { width, height, rgb: await resize(rgb, 3) };
  return alpha === undefined ? resized : { ...resized, alpha: await resize(alpha, 1) };
}

/** Pixels of any number of channels: rows from the top, without padding. */
export interface Values {
  readonly width: number;
  readonly height: number;
  readonly channelCount: number;
  readonly values: Uint8Array;
}

/**
 * Resizes by interpolation. Pixels lie at their centres, and reducing widens the kernel; this avoids
 * a shift and moiré. (libvips, and so sharp, shifts a picture by half a pixel when it enlarges, which
 * costs about 2 dB.)
 */
export async function resizeValues(
  from: Values,
  width: number,
  height: number,
  method: ResizeMethod,
): Promise<Uint8Array> {
  const { values, channelCount } = from;
  const columns = tapsOf(from.width, width, method);
  const rows = tapsOf(from.height, height, method);
  const rowLength = width * channelCount;
  const wide = new Uint8ClampedArray(rowLength * from.height);
  for (let y = 0; y < from.height; y += 1) {
    const row = values.subarray(y * from.width * channelCount);
    stretchRow(row, channelCount, columns, wide.subarray(y * rowLength));
    // Gives other requests their turn.
    if (y % ROWS_PER_TURN === 0) await turn();
  }
  const high = new Uint8ClampedArray(rowLength * height);
  for (const [y, taps] of rows.entries()) {
    mixRows(wide, rowLength, taps, high.subarray(y * rowLength, (y + 1) * rowLength));
    if (y % ROWS_PER_TURN === 0) await turn();
  }
  return new Uint8Array(high.buffer);
}

/** The input pixels that make one output pixel, and their weights. */
interface Taps {
  readonly indexes: Int32Array;
  readonly weights: Float32Array;
}

function stretchRow(
  source: Uint8Array,
  channelCount: number,
  columns: readonly Taps[],
  target: Uint8ClampedArray,
): void {
  let place = 0;
  for (const { indexes, weights } of columns) {
    for (let channel = 0; channel < channelCount; channel += 1) {
      let sum = 0;
      for (let tap = 0; tap < weights.length; tap += 1) {
        const value = source[(indexes[tap] ?? 0) * channelCount + channel] ?? 0;
        sum += value * (weights[tap] ?? 0);
      }
      target[place] = sum;
      place += 1;
    }
  }
}

function mixRows(
  source: Uint8ClampedArray,
  rowLength: number,
  { indexes, weights }: Taps,
  target: Uint8ClampedArray,
): void {
  const sums = new Float32Array(rowLength);
  for (let tap = 0; tap < weights.length; tap += 1) {
    const start = (indexes[tap] ?? 0) * rowLength;
    const weight = weights[tap] ?? 0;
    for (let place = 0; place < rowLength; place += 1) {
      sums[place] = (sums[place] ?? 0) + (source[start + place] ?? 0) * weight;
    }
  }
  target.set(sums);
}

function tapsOf(from: number, to: number, method: ResizeMethod): readonly Taps[] {
  const ratio = from / to;
  return Array.from({ length: to }, (_, place) => {
    const centre = (place + 0.5) * ratio;
    if (method === "nearest-exact") return clampedTaps([Math.floor(centre)], [1], from);
    const { radius, weight } = KERNELS[method];
    // Enlarging by area repeats pixels. All other methods interpolate at the input's resolution.
    const stretch = method === "area" ? ratio : Math.max(1, ratio);
    const first = Math.floor(centre - radius * stretch);
    const count = Math.ceil(centre + radius * stretch) - first;
    const indexes = Array.from({ length: count }, (_each, index) => first + index);
    const weights =
      method === "area"
        ? indexes.map((index) => overlap(index, centre - ratio / 2, centre + ratio / 2))
        : indexes.map((index) => weight((index + 0.5 - centre) / stretch));
    return clampedTaps(indexes, weights, from);
  });
}

/** Pixels beyond the edge have the value of the edge. */
function clampedTaps(indexes: readonly number[], weights: readonly number[], length: number): Taps {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return {
    indexes: Int32Array.from(indexes, (index) => Math.min(length - 1, Math.max(0, index))),
    weights: Float32Array.from(weights, (weight) => weight / total),
  };
}

function overlap(pixel: number, start: number, end: number): number {
  return Math.max(0, Math.min(pixel + 1, end) - Math.max(pixel, start));
}

interface Kernel {
  /** In pixels of the coarser side. */
  readonly radius: number;
  readonly weight: (distance: number) => number;
}

const KERNELS: Readonly<Record<Exclude<ResizeMethod, "nearest-exact">, Kernel>> = {
  area: { radius: 0.5, weight: () => 1 },
  bilinear: { radius: 1, weight: (distance) => Math.max(0, 1 - Math.abs(distance)) },
  bicubic: { radius: 2, weight: cubic },
  lanczos: { radius: 3, weight: lanczos },
};

/** Keys' cubic with PyTorch's parameter. */
function cubic(distance: number): number {
  const a = -0.75;
  const x = Math.abs(distance);
  if (x >= 2) return 0;
  if (x >= 1) return a * (x ** 3 - 5 * x ** 2 + 8 * x - 4);
  return (a + 2) * x ** 3 - (a + 3) * x ** 2 + 1;
}

function lanczos(distance: number): number {
  if (distance === 0) return 1;
  if (Math.abs(distance) >= 3) return 0;
  const angle = Math.PI * distance;
  return (3 * Math.sin(angle) * Math.sin(angle / 3)) / angle ** 2;
}

const ROWS_PER_TURN = 64;
