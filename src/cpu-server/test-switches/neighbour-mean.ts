import type { Frame } from "../network/frame.js";
import type { Frames } from "../nodes/frames.js";
import { framesInput, numberInput } from "../nodes/input-values.js";
import type { NodeClass } from "../nodes/node-class.js";

/**
 * A network with memory, as far as borders of chunks go: every frame becomes the mean of itself, the frames before and
 * those after it. Beyond the ends there are the first and the last frame again, as networks pad.
 */
export function neighbourMean(): NodeClass {
  const reach = { default: 2, min: 0, max: 64 };
  return {
    name: "TestNeighbourMean",
    displayName: "Mean of Neighbours",
    category: "test",
    module: "test_nodes",
    outputs: ["IMAGE"],
    isOutputNode: false,
    inputs: async () => ({
      required: { image: ["IMAGE", {}], before: ["INT", reach], after: ["INT", reach] },
    }),
    execute: async (inputs) => {
      const frames = framesInput(inputs, "image");
      const [before, after] = [numberInput(inputs, "before"), numberInput(inputs, "after")];
      const made: Frames = {
        ...frames,
        isBoundToRun: frames.isBoundToRun,
        [Symbol.asyncIterator]: () => means(frames, before, after),
      };
      return { values: [made] };
    },
  };
}

async function* means(frames: Frames, before: number, after: number): AsyncGenerator<Frame, void> {
  /** The frames around the next one that is made, from `before` ahead of it. */
  let window: Frame[] = [];
  for await (const frame of frames) {
    window =
      window.length === 0 ? Array.from({ length: before + 1 }, () => frame) : [...window, frame];
    if (window.length <= before + after) continue;
    yield meanOf(window, before);
    window = window.slice(1);
  }
  const last = window.at(-1);
  if (last === undefined) return;
  for (let left = window.length - before; left > 0; left -= 1) {
    while (window.length <= before + after) window.push(last);
    yield meanOf(window, before);
    window = window.slice(1);
  }
}

function meanOf(window: readonly Frame[], middle: number): Frame {
  const own = window[middle] ?? window[0];
  if (own === undefined) throw new Error("There is no frame");
  const sums = new Float32Array(own.rgb.length);
  for (const { rgb } of window)
    for (let at = 0; at < sums.length; at += 1) sums[at] = (sums[at] ?? 0) + (rgb[at] ?? 0);
  return { ...own, rgb: Uint8Array.from(sums, (sum) => Math.round(sum / window.length)) };
}
