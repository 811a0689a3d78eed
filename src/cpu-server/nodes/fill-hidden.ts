import { setImmediate as turn } from "node:timers/promises";

/**
 * Gives every pixel that does not show at all the colour of the nearest one that does. Editors leave
 * any colour there, and whatever enlarges a picture would mix it into the edges that show.
 *
 * @param rgb changed in place.
 */
export async function fillHidden(rgb: Uint8Array, alpha: Uint8Array, width: number): Promise<void> {
  // How far the nearest visible pixel is that has been found yet.
  const distances = Float32Array.from(alpha, (value) => (value > 0 ? 0 : Number.POSITIVE_INFINITY));
  const take = (place: number, neighbour: number): void => {
    const distance = (distances[neighbour] ?? Number.POSITIVE_INFINITY) + 1;
    if (distance >= (distances[place] ?? 0)) return;
    distances[place] = distance;
    rgb.copyWithin(place * 3, neighbour * 3, neighbour * 3 + 3);
  };
  const height = alpha.length / width;
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      if (x > 0) take(y * width + x, y * width + x - 1);
      take(y * width + x, (y - 1) * width + x);
    }
    if (y % ROWS_PER_TURN === 0) await turn();
  }
  for (let y = height - 1; y >= 0; y -= 1) {
    for (let x = width - 1; x >= 0; x -= 1) {
      if (x < width - 1) take(y * width + x, y * width + x + 1);
      take(y * width + x, (y + 1) * width + x);
    }
    if (y % ROWS_PER_TURN === 0) await turn();
  }
}

/** Then other requests get their turn. */
const ROWS_PER_TURN = 64;
