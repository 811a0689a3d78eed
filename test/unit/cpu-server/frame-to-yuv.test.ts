import { expect, it } from "vitest";
import { frameToYuv } from "../../../src/cpu-server/test-switches/comfy-films/frame-to-yuv.js";

/** What Y 114, U 164, V 90 are by BT.601: the numbers that were recorded of both builds of ComfyUI. */
const RGB = [53, 131, 187];

const yuvOf = (isReadAgain: boolean): readonly number[] => {
  const rgb = Uint8Array.from({ length: 12 }, (_, at) => RGB[at % 3] ?? 0);
  return [...frameToYuv({ width: 2, height: 2, rgb }, isReadAgain)];
};

it("gives pictures the numbers of BT.601, as the old build does", () => {
  expect(yuvOf(false)).toEqual([114, 114, 114, 114, 164, 90]);
});

it("shows pictures of BT.709 as they are and writes them by BT.601, as the new build does", () => {
  const [y = 0, , , , u = 0, v = 0] = yuvOf(true);
  expect([Math.abs(y - 110), Math.abs(u - 168), Math.abs(v - 88)].every((off) => off <= 1)).toBe(
    true,
  );
});
