/**
 * The most packets, in the order of decoding, that show the first frames and no others: nothing behind them
 * is needed to decode them.
 *
 * @param ranks for each packet, which frame it shows.
 * @param limit packets at most.
 */
export function cleanCount(ranks: readonly number[], limit: number): number {
  let clean = 0;
  let last = -1;
  for (const [at, rank] of ranks.entries()) {
    if (at >= limit) break;
    last = Math.max(last, rank);
    if (last === at) clean = at + 1;
  }
  return clean;
}
