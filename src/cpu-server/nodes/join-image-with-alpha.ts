import type { Frame } from "../network/frame.js";
import { resizeValues } from "../network/resize-frame.js";
import { mapFrames } from "./frames.js";
import { framesInput, masksInput } from "./input-values.js";
import { inverted } from "./masks.js";
import type { NodeClass } from "./node-class.js";

/**
 * ComfyUI's JoinImageWithAlpha: gives pictures an alpha channel from masks, which are resized to
 * the pictures' size. One difference: pictures that hide everything get none.
 */
export function joinImageWithAlpha(): NodeClass {
  return {
    name: "JoinImageWithAlpha",
    displayName: "JoinImageWithAlpha",
    category: "mask/compositing",
    module: "comfy_extras.nodes_compositing",
    outputs: ["IMAGE"],
    isOutputNode: false,
    inputs: async () => ({ required: { image: ["IMAGE", {}], alpha: ["MASK", {}] } }),
    execute: async (inputs) => {
      const { masks, ...size } = masksInput(inputs, "alpha");
      const map = async (frame: Frame, index: number): Promise<Frame> => {
        // ComfyUI repeats masks where there are fewer of them than pictures.
        const values = masks[index % masks.length];
        if (values === undefined || values.every((value) => value === 0)) return frame;
        const mask = { ...size, values, channelCount: 1 };
        const resized = await resizeValues(mask, frame.width, frame.height, "bilinear");
        return { ...frame, alpha: inverted(resized) };
      };
      return { values: [await mapFrames(framesInput(inputs, "image"), { size: same, map })] };
    },
  };
}

const same = <Size>(size: Size): Size => size;
