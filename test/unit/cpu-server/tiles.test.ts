import { describe, expect, it } from "vitest";
import { cutTiles, TILE_EDGE, TILE_MARGIN } from "../../../src/cpu-server/network/tiles.js";

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

  it("gives each tile its margin, as far as the picture goes", () => {
    const [first, second] = cutTiles(200, 50);
    expect(first).toMatchObject({ left: 0, width: 100 });
    expect(first?.context).toEqual({ left: 0, top: 0, width: 100 + TILE_MARGIN, height: 50 });
    expect(second?.context).toEqual({
      ...{ left: 100 - TILE_MARGIN, top: 0 },
      ...{ width: 100 + TILE_MARGIN, height: 50 },
    });
  });
});
