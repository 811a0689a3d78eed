import { pickFrames } from "./frames.js";
import { framesInput, numberInput } from "./input-values.js";
import type { NodeClass } from "./node-class.js";

/**
 * ComfyUI's ImageFromBatch: `length` pictures from `batch_index` on, or as many of them as there are; beyond the end it
 * is the last one.
 */
export function imageFromBatch(): NodeClass {
  return {
    name: "ImageFromBatch",
    displayName: "ImageFromBatch",
    category: "image/batch",
    module: "comfy_extras.nodes_images",
    isOlderForm: true,
    outputs: ["IMAGE"],
    isOutputNode: false,
    inputs: async () => ({
      required: {
        image: ["IMAGE", {}],
        batch_index: ["INT", { default: 0, min: 0, max: 4095 }],
        length: ["INT", { default: 1, min: 1, max: 4096 }],
      },
    }),
    execute: async (inputs) => {
      const start = numberInput(inputs, "batch_index");
      const length = numberInput(inputs, "length");
      return { values: [await pickFrames(framesInput(inputs, "image"), start, length)] };
    },
  };
}
