import type { InputFacts } from "./task.js";

/**
 * How much there is to compute on: frames x pixels of one frame.
 *
 * @returns undefined for a film whose frame rate is not known.
 */
export function framePixels(input: InputFacts): number | undefined {
  const { width, height, durationSeconds, fps } = input;
  if (durationSeconds === undefined) return width * height;
  if (fps === undefined) return undefined;
  return Math.max(1, Math.round(durationSeconds * fps)) * width * height;
}
