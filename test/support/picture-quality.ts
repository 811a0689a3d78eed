import type { Frame } from "../../src/cpu-server/network/frame.js";

/** Peak signal-to-noise ratio of the luma (BT.601) of two pictures of equal size, in dB. */
export function lumaPsnr(original: Frame, other: Frame): number {
  const [a, b] = [luma(original), luma(other)];
  if (a.length !== b.length) throw new Error("Pictures differ in size");
  const squares = a.reduce((sum, value, index) => sum + (value - (b[index] ?? 0)) ** 2, 0);
  return 10 * Math.log10(255 ** 2 / (squares / a.length));
}

/** Enlarges by a whole factor with a Lanczos-3 kernel. A network must be better than this. */
export function enlargeByLanczos(frame: Frame, scale: number): Frame {
  const wide = stretchRows(frame, scale);
  return transpose(stretchRows(transpose(wide), scale));
}

/**
 * Structural similarity of the luma of two pictures of equal size, 1 for the same picture: the mean
 * over Gaussian windows of 11x11 (Wang et al., 2004).
 */
export function lumaSsim(original: Frame, other: Frame): number {
  const { width, height } = original;
  const [a, b] = [luma(original), luma(other)];
  const blurred = (of: (x: number, y: number) => number) =>
    blur(
      Float64Array.from(a, (value, index) => of(value, b[index] ?? 0)),
      width,
      height,
    );
  const [meanA, meanB] = [blurred((x) => x), blurred((_x, y) => y)];
  const [aa, bb, ab] = [blurred((x) => x * x), blurred((_x, y) => y * y), blurred((x, y) => x * y)];
  let sum = 0;
  for (const [index, mean] of meanA.entries()) {
    const other = meanB[index] ?? 0;
    const product = mean * other;
    const squares = mean ** 2 + other ** 2;
    const variances = (aa[index] ?? 0) + (bb[index] ?? 0) - squares;
    const covariance = (ab[index] ?? 0) - product;
    sum += ((2 * product + C1) * (2 * covariance + C2)) / ((squares + C1) * (variances + C2));
  }
  return sum / meanA.length;
}

const C1 = (0.01 * 255) ** 2;
const C2 = (0.03 * 255) ** 2;

const WINDOW = Array.from({ length: 11 }, (_, index) => Math.exp(-((index - 5) ** 2) / 4.5));
const WINDOW_SUM = WINDOW.reduce((sum, weight) => sum + weight, 0);

/** Only where the window fits, so the result is 10 narrower and lower. */
function blur(values: Float64Array, width: number, height: number): Float64Array {
  const rows = blurRows(values, width, height);
  const turned = turn(rows, width - 10, height);
  return blurRows(turned, height, width - 10);
}

function blurRows(values: Float64Array, width: number, height: number): Float64Array {
  const length = width - WINDOW.length + 1;
  const blurred = new Float64Array(length * height);
  for (let at = 0; at < blurred.length; at += 1) {
    const start = Math.floor(at / length) * width + (at % length);
    let sum = 0;
    for (const [index, weight] of WINDOW.entries()) sum += weight * (values[start + index] ?? 0);
    blurred[at] = sum / WINDOW_SUM;
  }
  return blurred;
}

function turn(values: Float64Array, width: number, height: number): Float64Array {
  return values.map((_, at) => values[(at % height) * width + Math.floor(at / height)] ?? 0);
}

function luma({ width, height, rgb }: Frame): number[] {
  return Array.from({ length: width * height }, (_, index) => {
    const [red = 0, green = 0, blue = 0] = rgb.subarray(index * 3, index * 3 + 3);
    return 0.299 * red + 0.587 * green + 0.114 * blue;
  });
}

function stretchRows({ width, height, rgb }: Frame, scale: number): Frame {
  const stretched = new Uint8ClampedArray(width * scale * height * 3);
  for (let x = 0; x < width * scale; x += 1) {
    const center = (x + 0.5) / scale - 0.5;
    const taps = Array.from({ length: 6 }, (_, index) => Math.floor(center) - 2 + index);
    const weights = taps.map((tap) => lanczos(center - tap));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    for (let y = 0; y < height; y += 1) {
      for (let channel = 0; channel < 3; channel += 1) {
        const sum = taps.reduce((partial, tap, index) => {
          const column = Math.min(width - 1, Math.max(0, tap));
          const value = rgb[(y * width + column) * 3 + channel] ?? 0;
          return partial + value * (weights[index] ?? 0);
        }, 0);
        stretched[(y * width * scale + x) * 3 + channel] = sum / total;
      }
    }
  }
  return { width: width * scale, height, rgb: new Uint8Array(stretched.buffer) };
}

function lanczos(x: number): number {
  if (x === 0) return 1;
  if (Math.abs(x) >= 3) return 0;
  const angle = Math.PI * x;
  return (3 * Math.sin(angle) * Math.sin(angle / 3)) / angle ** 2;
}

function transpose({ width, height, rgb }: Frame): Frame {
  const turned = new Uint8Array(rgb.length);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      turned.set(rgb.subarray((y * width + x) * 3, (y * width + x) * 3 + 3), (x * height + y) * 3);
    }
  }
  return { width: height, height: width, rgb: turned };
}
