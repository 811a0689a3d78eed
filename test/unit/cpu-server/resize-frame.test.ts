import { describe, expect, it } from "vitest";
import type { Frame } from "../../../src/cpu-server/network/frame.js";
import { RESIZE_METHODS, resizeFrame } from "../../../src/cpu-server/network/resize-frame.js";

/** A row of grey pixels, of height 1. */
const row = (...values: number[]): Frame => ({
  width: values.length,
  height: 1,
  rgb: Uint8Array.from(values.flatMap((value) => [value, value, value])),
});
const reds = ({ rgb }: Frame): number[] => [...rgb].filter((_, index) => index % 3 === 0);

describe("resizeFrame()", () => {
  it.each(RESIZE_METHODS)("%s keeps a grey picture grey", async (method) => {
    const grey = { width: 5, height: 4, rgb: new Uint8Array(60).fill(77) };
    for (const [width, height] of [
      [11, 9],
      [2, 3],
      [5, 1],
    ] as const) {
      const resized = await resizeFrame(grey, width, height, method);
      expect([resized.width, resized.height, new Set(resized.rgb)]).toEqual([
        ...[width, height],
        new Set([77]),
      ]);
    }
  });

  it.each(RESIZE_METHODS)("%s does not shift the picture when it enlarges", async (method) => {
    const values = reds(await resizeFrame(row(0, 0, 0, 0, 200, 0, 0, 0, 0), 18, 1, method));
    const total = values.reduce((sum, value) => sum + value, 0);
    const centre = values.reduce((sum, value, place) => sum + value * place, 0) / total;
    expect(centre).toBeCloseTo(8.5, 5);
  });

  it("area averages what one pixel covers", async () => {
    expect(reds(await resizeFrame(row(0, 30, 60, 90, 10, 20), 2, 1, "area"))).toEqual([30, 40]);
    expect(reds(await resizeFrame(row(0, 90, 30), 2, 1, "area"))).toEqual([30, 50]);
  });

  it("nearest-exact takes the pixel at the centre", async () => {
    expect(reds(await resizeFrame(row(1, 2, 3, 4), 2, 1, "nearest-exact"))).toEqual([2, 4]);
    expect(reds(await resizeFrame(row(1, 2), 4, 1, "nearest-exact"))).toEqual([1, 1, 2, 2]);
  });

  it("bilinear mixes neighbours, and repeats the edge", async () => {
    expect(reds(await resizeFrame(row(0, 100), 4, 1, "bilinear"))).toEqual([0, 25, 75, 100]);
  });

  it("refuses a picture that cannot be encoded", async () => {
    await expect(resizeFrame(row(1), 20_000, 20_000, "area")).rejects.toMatchObject({
      exceptionType: "MemoryError",
    });
  });
});
