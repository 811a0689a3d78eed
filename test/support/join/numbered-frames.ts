import { Frame } from "node-av";
import { AV_PIX_FMT_YUV420P } from "node-av/constants";

const BITS = 16;
/** A frame's luma of a set bit and of one that is not; between them is the border. */
const LIGHT = 200;
const DARK = 40;

/** A picture whose upper half tells its number in 16 stripes; a bar wanders through its lower half. */
export function numberedFrame(number: number, width: number, height: number): Frame {
  const luma = Buffer.alloc(width * height, 110);
  for (let y = 0; y < height; y += 1) {
    const row = luma.subarray(y * width, (y + 1) * width);
    if (y < height / 2) drawNumber(row, number);
    else row.fill(180, (number * 2) % (width - 8), ((number * 2) % (width - 8)) + 8);
  }
  const chroma = Buffer.alloc((width / 2) * (height / 2), 128);
  return Frame.fromVideoBuffer(Buffer.concat([luma, chroma, chroma]), {
    ...{ width, height, format: AV_PIX_FMT_YUV420P },
  });
}

/** The number that a decoded picture of {@link numberedFrame} tells, whatever its size. */
export function numberOf(frame: Pick<Frame, "width" | "height" | "data" | "linesize">): number {
  const luma = frame.data?.[0] ?? Buffer.alloc(0);
  const row = Math.floor(frame.height / 4) * (frame.linesize[0] ?? 0);
  let number = 0;
  for (let bit = 0; bit < BITS; bit += 1) {
    const level = luma[row + Math.floor(((bit + 0.5) * frame.width) / BITS)] ?? 0;
    if (level > (LIGHT + DARK) / 2) number += 2 ** bit;
  }
  return number;
}

function drawNumber(row: Buffer, number: number): void {
  for (let x = 0; x < row.length; x += 1) {
    const bit = Math.floor((x * BITS) / row.length);
    row[x] = Math.floor(number / 2 ** bit) % 2 === 1 ? LIGHT : DARK;
  }
}
