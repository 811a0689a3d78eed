import { expect, it } from "vitest";
import { framesOf } from "../../../src/cpu-server/nodes/frames.js";
import { neighbourMean } from "../../../src/cpu-server/test-switches/neighbour-mean.js";

/** What the node makes of frames of one pixel. */
async function means(values: readonly number[], before: number, after: number): Promise<number[]> {
  const frames = framesOf(
    values.map((value) => ({ width: 1, height: 1, rgb: Uint8Array.of(value, value, value) })),
  );
  const context = { nodeId: "1", promptId: "p", progress: () => undefined };
  const result = await neighbourMean().execute({ image: frames, before, after }, context);
  const made: number[] = [];
  for await (const { rgb } of result.values[0] as typeof frames) made.push(rgb[0] ?? 0);
  return made;
}

it.each([
  [1, 2],
  [2, 0],
  [0, 3],
  [5, 4],
  [0, 0],
])(
  "makes each frame of the %i before and %i after, at the ends of the last there are",
  async (before, after) => {
    for (const count of [1, 2, 3, 12]) {
      const values = Array.from({ length: count }, (_, at) => (at * 37) % 251);
      const at = (index: number) => values[Math.min(count - 1, Math.max(0, index))] ?? 0;
      const span = Array.from({ length: before + 1 + after }, (_, off) => off - before);
      const expected = values.map((_, index) =>
        Math.round(span.reduce((sum, off) => sum + at(index + off), 0) / span.length),
      );
      expect(await means(values, before, after)).toEqual(expected);
    }
  },
);
