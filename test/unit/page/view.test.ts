import { describe, expect, it } from "vitest";
import { FIT, fitInto, keepInside, onPixels, zoomAt } from "../../../src/page/compare/view.js";

const FRAME = { width: 800, height: 400 };

describe("the view of a picture", () => {
  it("fits a picture of any shape into the frame", () => {
    expect(fitInto(FRAME, 1)).toEqual({ width: 400, height: 400 });
    expect(fitInto(FRAME, 4)).toEqual({ width: 800, height: 200 });
  });

  it("zooms around the point under the pointer", () => {
    const point = { x: 100, y: -50 };
    const { scale, x, y } = zoomAt(FIT, 2, point, 1);
    expect(scale).toBe(2);
    // What was 100 to the right of the middle is still there.
    expect(x + 100 * scale).toBe(100);
    expect(y - 50 * scale).toBe(-50);
  });

  it("never shows less than the whole picture, nor more than sixteen pixels of the screen for one", () => {
    expect(zoomAt(FIT, 0.1, { x: 0, y: 0 }, 1).scale).toBe(1);
    expect(zoomAt(FIT, 1_000, { x: 0, y: 0 }, 3).scale).toBe(48);
  });

  it("puts the picture's edges on pixels of the screen", () => {
    const fitted = { width: 301, height: 200 };
    const place = { frame: { width: 801, height: 400 }, fitted, density: 1 };
    const { x, y } = onPixels({ scale: 2, x: 0, y: 0 }, place);
    expect([x + (801 - 602) / 2, y]).toEqual([100, 0]);
  });

  it("keeps the picture's edges out of the frame where it is larger", () => {
    const fitted = fitInto(FRAME, 1);
    expect(keepInside({ scale: 4, x: 9_999, y: -9_999 }, FRAME, fitted)).toEqual({
      ...{ scale: 4, x: 400, y: -600 },
    });
    expect(keepInside({ scale: 1, x: 30, y: 30 }, FRAME, fitted)).toEqual(FIT);
  });
});
