import type { Frame } from "../../src/cpu-server/network/frame.js";

/** Peak signal-to-noise ratio of the luma (BT.601) of two pictures of equal size, in dB. */
export function lumaPsnr(original: Frame, other: Frame): number {
  const [a, b] = [luma(original), luma(other)];
  if (a.length !== b.length) throw new Error("Pictures differ in size");
  const squares = a.reduce((sum, value, index) => sum + (value - (b[index] ?? 0)) ** 2, 0);
  return 10 * Math.log10(255 ** 2 / (squares / a.length));
}

/** How much fine detail a picture has: the mean square of the luma's Laplacian. */
export function detail(frame: Frame): number {
  const values = luma(frame);
  const { width, height } = frame;
  let sum = 0;
  for (let y = 1; y < height - 1; y += 1) {
    for (let x = 1; x < width - 1; x += 1) {
      const at = y * width + x;
      const around = [at - 1, at + 1, at - width, at + width].map((index) => values[index] ?? 0);
      sum += (4 * (values[at] ?? 0) - around.reduce((total, value) => total + value, 0)) ** 2;
    }
  }
  return sum / ((width - 2) * (height - 2));
}

/** Enlarges by a whole factor with a Lanczos-3 kernel. A network must be better than this. */
export function enlargeByLanczos(frame: Frame, scale: number): Frame {
  const wide = stretchRows(frame, scale);
  return transpose(stretchRows(transpose(wide), scale));
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
