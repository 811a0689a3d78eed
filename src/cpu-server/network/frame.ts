import { PythonError } from "../python-text.js";

/** A picture, alone or in a batch: 8-bit RGB, rows from the top, without padding. */
export interface Frame {
  readonly width: number;
  readonly height: number;
  readonly rgb: Uint8Array;
  /** How opaque each pixel is, 255 entirely. Absent: all are. Networks and resizing drop it, as ComfyUI 0.3.64 does. */
  readonly alpha?: Uint8Array;
  /** When a video shows the frame. */
  readonly time?: FrameTime;
}

/** The place of a frame in its video. */
export interface FrameTime {
  readonly startSeconds: number;
  readonly durationSeconds: number;
}

/** Copies a rectangle out of a frame. */
export function crop(
  frame: Frame,
  left: number,
  top: number,
  width: number,
  height: number,
): Frame {
  const rgb = new Uint8Array(width * height * 3);
  for (let row = 0; row < height; row += 1) {
    const start = ((top + row) * frame.width + left) * 3;
    rgb.set(frame.rgb.subarray(start, start + width * 3), row * width * 3);
  }
  return { width, height, rgb };
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
