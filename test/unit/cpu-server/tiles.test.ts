import { describe, expect, it } from "vitest";
import {
  contextOf,
  cutTiles,
  TILE_EDGE,
  TILE_MARGIN,
} from "../../../src/cpu-server/network/tiles.js";

describe("cutTiles()", () => {
  it.each([
    [1, 1],
    [128, 128],
    [129, 40],
    [1000, 777],
  ])("covers a picture of %ix%i once, in tiles of about one size", (width, height) => {
    const covered = new Uint8Array(width * height);
    const tiles = cutTiles(width, height);
    for (const tile of tiles) {
      expect(tile.width).toBeLessThanOrEqual(TILE_EDGE);
      expect(tile.height).toBeLessThanOrEqual(TILE_EDGE);
      for (let y = tile.top; y < tile.top + tile.height; y += 1) {
        for (let x = tile.left; x < tile.left + tile.width; x += 1) {
          covered[y * width + x] = (covered[y * width + x] ?? 0) + 1;
        }
      }
    }
    expect(covered.every((count) => count === 1)).toBe(true);
    expect(tiles).toHaveLength(Math.ceil(width / TILE_EDGE) * Math.ceil(height / TILE_EDGE));
  });

  it("gives a tile its margin on every side, beyond the picture's rim too", () => {
    const [first] = cutTiles(200, 50);
    expect(first).toEqual({ left: 0, top: 0, width: 100, height: 50 });
    expect(first && contextOf(first)).toEqual({
      ...{ left: -TILE_MARGIN, top: -TILE_MARGIN },
      ...{ width: 100 + 2 * TILE_MARGIN, height: 50 + 2 * TILE_MARGIN },
    });
  });
});
