/** How pauses between tries grow. */
export interface BackoffOptions {
  readonly baseMs: number;
  readonly capMs: number;
}

/**
 * The pause before try number `tryCount` + 1: doubles each time up to the cap, and a random half of
 * it is cut off, so that many who failed together do not come back together.
 *
 * @param tryCount how many tries came before, from 1.
 * @param random 0 to 1, exclusive.
 */
export function backoffMs(
  tryCount: number,
  options: BackoffOptions,
  random = Math.random(),
): number {
  const full = Math.min(options.capMs, options.baseMs * 2 ** Math.min(tryCount - 1, 30));
  return Math.round(full * (0.5 + random / 2));
}
