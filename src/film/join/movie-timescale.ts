import type { Ratio } from "../film-facts.js";
import type { FilmClock } from "./film-clock.js";

/** Players count the length of a film in 32 bits. */
const MAX_TIMESCALE = 2 ** 31 - 1;

/**
 * The ticks in which an MP4 tells when its tracks begin: those of the picture, or finer ones where a
 * track begins between two of them.
 *
 * @param starts when the other tracks begin, in seconds.
 */
export function movieTimescale({ timescale }: FilmClock, starts: readonly Ratio[]): number {
  let common = timescale;
  for (const { num, den } of starts) {
    const ticks = (num * common) / den;
    const wanted = (common / gcd(common, den)) * den;
    if (num > 0 && !Number.isInteger(ticks) && wanted <= MAX_TIMESCALE) common = wanted;
  }
  return common;
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}
