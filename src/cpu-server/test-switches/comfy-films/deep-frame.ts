import type { Frame } from "../../network/frame.js";

/** A frame whose samples have 10 bits, as planes of Y, U and V, chroma halved both ways. Its `rgb` is grey. */
export interface DeepFrame extends Frame {
  readonly planes: Uint16Array;
}

/** Whether a frame has more than 8 bits. */
export function isDeep(frame: Frame): frame is DeepFrame {
  return "planes" in frame;
}

/** Gives an enlarged frame the samples that it was made of, each as large as it has become. */
export function deepened(frame: DeepFrame, { width, height, rgb }: Frame): DeepFrame {
  const planes = new Uint16Array(width * height * 1.5);
  let [from, to] = [0, 0];
  for (const half of [1, 2, 2]) {
    const [fromWidth, fromHeight] = [frame.width / half, frame.height / half];
    const [toWidth, toHeight] = [width / half, height / half];
    for (let y = 0; y < toHeight; y += 1)
      for (let x = 0; x < toWidth; x += 1) {
        const row = Math.floor((y * fromHeight) / toHeight);
        const column = Math.floor((x * fromWidth) / toWidth);
        planes[to + y * toWidth + x] = frame.planes[from + row * fromWidth + column] ?? 0;
      }
    from += fromWidth * fromHeight;
    to += toWidth * toHeight;
  }
  return { width, height, rgb, planes };
}
