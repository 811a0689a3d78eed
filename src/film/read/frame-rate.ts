import type { Ratio } from "../film-facts.js";

/** Rates that cameras and broadcasters use and that ticks of milliseconds only round. */
const COMMON_RATES: readonly Ratio[] = [
  ...[24, 25, 30, 48, 50, 60, 120].map((num) => ({ num, den: 1 })),
  ...[24_000, 30_000, 48_000, 60_000, 120_000].map((num) => ({ num, den: 1001 })),
  ...[12, 15].map((num) => ({ num, den: 1 })),
];

/**
 * The exact rate of frames that are all shown equally long; undefined if they are not. Times that are
 * a rate's but for rounding to ticks count as its own.
 *
 * @param stated - what the container says, looked at first. A rate of 0 is none.
 */
export function constantRate(
  times: readonly number[],
  timeBase: Ratio,
  lastDuration: number,
  stated: readonly Ratio[],
): Ratio | undefined {
  const first = times[0] ?? 0;
  const step = times.length > 1 ? (times[1] ?? 0) - first : lastDuration;
  if (times.every((time, at) => time === first + at * step))
    return stepIsRounded(step, timeBase)
      ? (closestRate(times, timeBase, stated) ?? rateOf(step, timeBase))
      : rateOf(step, timeBase);
  return closestRate(times, timeBase, stated);
}

function rateOf(step: number, timeBase: Ratio): Ratio {
  return reduced({ num: timeBase.den, den: timeBase.num * step });
}

/** A film of a few frames in milliseconds may look constant by rounding alone, as 42 ms for 24 a second. */
const MILLISECOND = 1000;
function stepIsRounded(step: number, { num, den }: Ratio): boolean {
  return den <= MILLISECOND * num && (den / num) % step !== 0;
}

function closestRate(
  times: readonly number[],
  timeBase: Ratio,
  stated: readonly Ratio[],
): Ratio | undefined {
  const candidates = [...stated, ...COMMON_RATES].filter(({ num, den }) => num > 0 && den > 0);
  const fitting = candidates.find((rate) => isRoundedRate(times, timeBase, rate));
  return fitting && reduced(fitting);
}

/** Whether each frame is less than a tick off the rate, counted from the first. */
function isRoundedRate(times: readonly number[], { num, den }: Ratio, rate: Ratio): boolean {
  const step = (den * rate.den) / (num * rate.num);
  const first = times[0] ?? 0;
  return step >= 1 && times.every((time, at) => Math.abs(time - first - at * step) <= 1);
}

/** The same ratio in the smallest numbers. */
export function reduced({ num, den }: Ratio): Ratio {
  const divisor = greatestCommon(num, den);
  return { num: num / divisor, den: den / divisor };
}

function greatestCommon(a: number, b: number): number {
  return b === 0 ? Math.abs(a) : greatestCommon(b, a % b);
}
