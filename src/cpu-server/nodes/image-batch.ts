import { PythonError } from "../python-text.js";
import { joinFrames } from "./frames.js";
import { framesInput } from "./input-values.js";
import type { NodeClass } from "./node-class.js";

/**
 * ComfyUI's ImageBatch: the pictures of one batch and behind them those of another. One difference: all have to be of one
 * size, where ComfyUI scales those of the second.
 */
export function imageBatch(): NodeClass {
  return {
    name: "ImageBatch",
    displayName: "Batch Images",
    category: "image",
    module: "nodes",
    outputs: ["IMAGE"],
    isOutputNode: false,
    inputs: async () => ({ required: { image1: ["IMAGE", {}], image2: ["IMAGE", {}] } }),
    execute: async (inputs) => {
      const [first, second] = [framesInput(inputs, "image1"), framesInput(inputs, "image2")];
      if (first.width !== second.width || first.height !== second.height)
        throw new PythonError("ValueError", "The pictures are not of one size");
      return { values: [await joinFrames(first, second)] };
    },
  };
}
