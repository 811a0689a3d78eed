import type { Frame } from "node-av";

/** Samples of a frame's planes, evenly over the picture, each 0 to 255. */
export type Thumbnail = Uint8Array;

const [COLUMNS, ROWS] = [32, 18];
const MAX_PLANES = 3;

/** Takes a few samples of a frame: brightness and both colours of YUV, or all three colours. */
export function thumbnailOf(frame: Frame, bitDepth: number): Thumbnail {
  const planes = (frame.data ?? []).slice(0, MAX_PLANES);
  const sampleBytes = bitDepth > 8 ? 2 : 1;
  const samples = new Uint8Array(COLUMNS * ROWS * planes.length);
  let at = 0;
  for (const [number, plane] of planes.entries()) {
    const stride = frame.linesize[number] ?? 0;
    // Lines are padded, each plane's alike.
    const narrower = Math.round((frame.linesize[0] ?? stride) / Math.max(1, stride));
    const width = frame.width / Math.max(1, narrower);
    const height = Math.min(frame.height, Math.floor(plane.length / Math.max(1, stride)));
    for (let row = 0; row < ROWS; row += 1)
      for (let column = 0; column < COLUMNS; column += 1) {
        const x = Math.floor(((column + 0.5) * width) / COLUMNS);
        const y = Math.floor(((row + 0.5) * height) / ROWS);
        samples[at] = sampleAt(plane, y * stride + x * sampleBytes, bitDepth);
        at += 1;
      }
  }
  return samples;
}

function sampleAt(plane: Buffer, offset: number, bitDepth: number): number {
  const low = plane[offset] ?? 0;
  return bitDepth > 8 ? (((plane[offset + 1] ?? 0) << 8) | low) >> (bitDepth - 8) : low;
}

/** How different two frames look on average, 0 to 255. */
export function differenceOf(a: Thumbnail, b: Thumbnail): number {
  let sum = 0;
  for (const [at, sample] of a.entries()) sum += Math.abs(sample - (b[at] ?? 0));
  return sum / Math.max(1, a.length);
}
