import { describe, expect, it } from "vitest";
import { fillHidden } from "../../../src/cpu-server/nodes/fill-hidden.js";

describe("fillHidden()", () => {
  it("gives hidden pixels the colour of the nearest that shows, on every side", async () => {
    const [red, blue, hidden] = [
      [200, 0, 0],
      [0, 0, 200],
      [0, 255, 0],
    ] as const;
    const picture = [
      ...[hidden, hidden, hidden, hidden],
      ...[hidden, red, hidden, blue],
      ...[hidden, hidden, hidden, hidden],
    ];
    const rgb = Uint8Array.from(picture.flat());
    const alpha = Uint8Array.from(picture, (colour) => (colour === hidden ? 0 : 255));
    await fillHidden(rgb, alpha, 4);
    const filled = Array.from({ length: 12 }, (_, at) => [...rgb.subarray(at * 3, at * 3 + 3)]);
    expect(filled.every(([, green]) => green === 0)).toBe(true);
    for (const row of [0, 4, 8]) {
      expect(filled[row]).toEqual(red);
      expect(filled[row + 1]).toEqual(red);
      expect(filled[row + 3]).toEqual(blue);
    }
  });

  it("leaves alone what hardly shows, and pictures of which nothing shows", async () => {
    const faint = Uint8Array.of(1, 2, 3, 4, 5, 6);
    await fillHidden(faint, Uint8Array.of(1, 255), 2);
    expect([...faint]).toEqual([1, 2, 3, 4, 5, 6]);
    await fillHidden(faint, Uint8Array.of(0, 0), 2);
    expect([...faint]).toEqual([1, 2, 3, 4, 5, 6]);
  });
});
