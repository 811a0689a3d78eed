import { PythonError } from "../python-text.js";

/** A picture, alone or in a batch: 8-bit RGB, rows from the top, without padding. */
export interface Frame {
  readonly width: number;
  readonly height: number;
  readonly rgb: Uint8Array;
  /** One byte for each pixel, 255 where it hides all behind it. Left out: it does so everywhere. */
  readonly alpha?: Uint8Array;
  /** When a video shows the frame. */
  readonly time?: FrameTime;
}

/** The place of a frame in its video. */
export interface FrameTime {
  readonly startSeconds: number;
  readonly durationSeconds: number;
}

/**
 * Copies a rectangle out of a frame, without its alpha. Beyond its rim a frame goes on as its outermost
 * pixels.
 */
export function crop(
  frame: Frame,
  left: number,
  top: number,
  width: number,
  height: number,
): Frame {
  const rgb = new Uint8Array(width * height * 3);
  const from = Math.max(0, left);
  const until = Math.min(frame.width, left + width);
  for (let row = 0; row < height; row += 1) {
    const line = Math.min(frame.height - 1, Math.max(0, top + row)) * frame.width * 3;
    const start = row * width * 3;
    rgb.set(frame.rgb.subarray(line + from * 3, line + until * 3), start + (from - left) * 3);
    repeat(rgb, start, start + (from - left) * 3, start + (from - left) * 3);
    repeat(rgb, start + (until - left) * 3, start + width * 3, start + (until - left - 1) * 3);
  }
  return { width, height, rgb };
}

/** Fills a part of a row with one pixel. */
function repeat(rgb: Uint8Array, start: number, end: number, pixel: number): void {
  for (let at = start; at < end; at += 3) rgb.copyWithin(at, pixel, pixel + 3);
}

/** Copies a frame into a larger one. */
export function paste(target: Frame, frame: Frame, left: number, top: number): void {
  for (let row = 0; row < frame.height; row += 1) {
    const line = frame.rgb.subarray(row * frame.width * 3, (row + 1) * frame.width * 3);
    target.rgb.set(line, ((top + row) * target.width + left) * 3);
  }
}

/**
 * Refuses a picture that is too large to encode.
 *
 * @throws PythonError MemoryError above 0x3FFF x 0x3FFF pixels, sharp's limit.
 */
export function checkSize(width: number, height: number): void {
  if (width * height <= MAX_PIXEL_COUNT) return;
  const message = `Cannot make a picture of ${width}x${height}: it has more than ${MAX_PIXEL_COUNT} pixels`;
  throw new PythonError("MemoryError", message);
}

const MAX_PIXEL_COUNT = 0x3fff ** 2;
