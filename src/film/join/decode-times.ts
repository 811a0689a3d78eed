/**
 * When the packets of a piece are decoded, so that the times grow by at least a tick from packet to
 * packet, over pieces too, and no packet is shown before.
 *
 * @param shown for each packet of the piece, in the order of decoding, when it is shown.
 * @param timeOf when a frame of the film is shown; also below frame 0, where there is none.
 * @param firstFrame of the piece.
 * @param delay by how many frames the decoder runs ahead in the whole film.
 */
export function decodeTimes(
  shown: readonly number[],
  timeOf: (frame: number) => number,
  firstFrame: number,
  delay: number,
): readonly number[] {
  const times: number[] = new Array(shown.length);
  let latest = Number.POSITIVE_INFINITY;
  // From behind, since a packet has to be decoded before all that follow it are shown.
  for (let at = shown.length - 1; at >= 0; at -= 1) {
    latest = Math.min(latest - 1, shown[at] ?? latest);
    times[at] = Math.min(timeOf(firstFrame + at - delay), latest);
  }
  return times;
}

/** By how many frames decoding has to run ahead of showing, for packets of these ranks in decode order. */
export function decodeDelay(ranks: readonly number[]): number {
  return ranks.reduce((delay, rank, at) => Math.max(delay, at - rank), 0);
}
