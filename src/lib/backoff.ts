/** How pauses between tries grow. */
export interface BackoffOptions {
  readonly baseMs: number;
  readonly capMs: number;
}

/**
 * The pause before try number `tryCount` + 1. It doubles with each try up to the cap. A random
 * part, up to half of it, is cut off, so that clients that failed together do not retry together.
 *
 * @param tryCount number of tries so far, from 1.
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
