import type { ChunkedFilm } from "./run-in-chunks.js";

/** How far from a border steps are looked at, and how far away they are ordinary. */
const REACH = 14;
const ORDINARY_FROM = 8;

/**
 * How large the steps from frame to frame around borders are, against the ordinary steps on both sides of the same
 * border: 1 where nothing is to be seen. The mean over all borders, by the distance from the border, 0 the step over it.
 */
export function seamSteps({ frames, borders }: ChunkedFilm): ReadonlyMap<number, number> {
  const steps = frames.slice(1).map((frame, at) => difference(frame, frames[at] ?? frame));
  const distances = Array.from({ length: 2 * REACH + 1 }, (_, at) => at - REACH);
  const inside = borders.filter((border) => border > REACH && border + REACH < frames.length);
  return new Map(
    distances.map((distance) => [
      distance,
      meanOf(
        inside.map((border) => stepAt(steps, border - 1 + distance) / ordinaryStep(steps, border)),
      ),
    ]),
  );
}

function ordinaryStep(steps: readonly number[], border: number): number {
  const far = Array.from({ length: REACH - ORDINARY_FROM + 1 }, (_, at) => at + ORDINARY_FROM);
  return meanOf(
    far.flatMap((off) => [stepAt(steps, border - 1 - off), stepAt(steps, border - 1 + off)]),
  );
}

function stepAt(steps: readonly number[], at: number): number {
  const step = steps[at];
  if (step === undefined) throw new Error(`There is no step ${at}`);
  return step;
}

/** The root of the mean squared difference of two pictures. */
function difference(one: Uint8Array, other: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < one.length; at += 1) sum += ((one[at] ?? 0) - (other[at] ?? 0)) ** 2;
  return Math.sqrt(sum / one.length);
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
