import { setImmediate as turn } from "node:timers/promises";

/**
 * Gives every pixel that does not show at all the colour of the nearest one that does. Editors leave
 * any colour there, and whatever enlarges a picture would mix it into the edges that show.
 *
 * @param rgb changed in place.
 */
export async function fillHidden(rgb: Uint8Array, alpha: Uint8Array, width: number): Promise<void> {
  const distances = Float32Array.from(alpha, (value) => (value > 0 ? 0 : Number.POSITIVE_INFINITY));
  const filling: Filling = { rgb, distances };
  // Once from the upper left, once back from the lower right: by then the nearest has come to all.
  for (const way of [1, -1]) {
    const [start, edge] = way === 1 ? [0, 0] : [alpha.length - 1, width - 1];
    for (let step = 0; step < alpha.length; step += 1) {
      const place = start + way * step;
      if (place % width !== edge) take(filling, place, place - way);
      take(filling, place, place - way * width);
      if (step % PIXELS_PER_TURN === 0) await turn();
    }
  }
}

interface Filling {
  readonly rgb: Uint8Array;
  /** How far away the nearest visible pixel is that was found so far. */
  readonly distances: Float32Array;
}

/** Takes a neighbour's colour if that comes from nearer than the own. */
function take({ rgb, distances }: Filling, place: number, neighbour: number): void {
  const distance = (distances[neighbour] ?? Number.POSITIVE_INFINITY) + 1;
  if (distance >= (distances[place] ?? 0)) return;
  distances[place] = distance;
  rgb.copyWithin(place * 3, neighbour * 3, neighbour * 3 + 3);
}

/** Then other requests get their turn. */
const PIXELS_PER_TURN = 100_000;
