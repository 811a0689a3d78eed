import type { FilmFacts } from "../film-facts.js";

/** How long a chunk of a film is shown at most, in seconds, wherever it begins. */
export function longestSeconds(
  { times, lastDuration, timeBase }: FilmFacts,
  maxFrames: number,
): number {
  const end = (times.at(-1) ?? 0) + lastDuration;
  let longest = 0;
  for (const [frame, start] of times.entries())
    longest = Math.max(longest, (times[frame + maxFrames] ?? end) - start);
  return (longest * timeBase.num) / timeBase.den;
}
