import type { FilmContainer } from "../../domain/film.js";
import type { FilmFacts, Ratio } from "../film-facts.js";

/** When the frames of a film are shown, in ticks of the joined file. */
export interface FilmClock {
  /** Ticks a second. */
  readonly timescale: number;
  /** Of the whole film. */
  readonly frameCount: number;
  /** When a frame is shown; never below 0, and later than the frame before it. */
  timeOf(frame: number): number;
  /** How long a frame is shown. */
  durationOf(frame: number): number;
  /** By how much later than in the source everything is shown: a file cannot begin before 0. */
  readonly shiftSeconds: number;
}

/** MKV counts in milliseconds. */
const MKV_TIMESCALE = 1000;
/** Decode times need room between two frames. */
const MIN_TIMESCALE = 10_000;
const MAX_TIMESCALE = 2 ** 31 - 1;

/**
 * The clock of a joined film. In MP4 all times are exact: the ticks are those of the source or finer;
 * where the source's own are too coarse for its constant frame rate, as those of MKV are, the rate
 * counts.
 */
export function filmClock(film: FilmFacts, container: FilmContainer): FilmClock {
  const { times, timeBase, frameRate } = film;
  const isRate = frameRate !== undefined && isCoarse(film, frameRate);
  const exact = isRate ? rateTimes(film, frameRate) : tickTimes(film);
  const first = exact.timeOf(0);
  const shift = Math.max(0, -first);
  const own = container === "mp4" ? exact.timescale : MKV_TIMESCALE;
  const scale = (time: number): number => Math.round(((time + shift) * own) / exact.timescale);
  const shown = container === "mkv" ? growing(times.map((_, at) => scale(exact.timeOf(at)))) : [];
  const timeOf = (frame: number): number => shown[frame] ?? scale(exact.timeOf(frame));
  const lastDuration = Math.max(1, scaled(film.lastDuration, timeBase, own));
  return {
    ...{ timescale: own, frameCount: times.length, timeOf, shiftSeconds: shift / exact.timescale },
    durationOf: (frame) =>
      frame + 1 < times.length ? timeOf(frame + 1) - timeOf(frame) : lastDuration,
  };
}

/** Frames may follow each other in less than a tick. */
function growing(times: readonly number[]): readonly number[] {
  let last = -1;
  return times.map((time) => {
    last = Math.max(time, last + 1);
    return last;
  });
}

interface ExactTimes {
  readonly timescale: number;
  timeOf(frame: number): number;
}

function tickTimes({ times, timeBase }: FilmFacts): ExactTimes {
  const divisor = gcd(timeBase.num, timeBase.den);
  const [num, den] = [timeBase.num / divisor, timeBase.den / divisor];
  const factor = factorFor(den);
  return { timescale: den * factor, timeOf: (frame) => (times[frame] ?? 0) * num * factor };
}

/** From the first frame on at a constant rate. */
function rateTimes({ times, timeBase }: FilmFacts, rate: Ratio): ExactTimes {
  const common = (timeBase.den / gcd(timeBase.den, rate.num)) * rate.num;
  const factor = factorFor(common);
  const timescale = common * factor;
  const first = scaled(times[0] ?? 0, timeBase, timescale);
  const step = (timescale * rate.den) / rate.num;
  return { timescale, timeOf: (frame) => first + frame * step };
}

/** Whether the source's ticks only round a constant rate, and none of its frames is elsewhere. */
function isCoarse({ times, timeBase }: FilmFacts, rate: Ratio): boolean {
  const step = (timeBase.den * rate.den) / (timeBase.num * rate.num);
  if (Number.isInteger(step)) return false;
  const common = (timeBase.den / gcd(timeBase.den, rate.num)) * rate.num;
  if (common > MAX_TIMESCALE) return false;
  const first = times[0] ?? 0;
  return times.every((time, frame) => Math.abs(time - first - frame * step) <= 1);
}

/** Doubles a timescale until it is fine enough. */
function factorFor(timescale: number): number {
  let factor = 1;
  while (timescale * factor < MIN_TIMESCALE) factor *= 2;
  return factor;
}

function scaled(ticks: number, { num, den }: Ratio, timescale: number): number {
  return Math.round((ticks * num * timescale) / den);
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}
