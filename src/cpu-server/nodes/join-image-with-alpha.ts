import type { Frame } from "../network/frame.js";
import { resizeFrame } from "../network/resize-frame.js";
import { mapFrames } from "./frames.js";
import { framesInput, maskInput } from "./input-values.js";
import type { Mask } from "./mask.js";
import type { NodeClass } from "./node-class.js";

/** ComfyUI's JoinImageWithAlpha: gives a picture the alpha that a mask stands for, brought to the picture's size. */
export function joinImageWithAlpha(): NodeClass {
  return {
    name: "JoinImageWithAlpha",
    displayName: "Join Image with Alpha",
    category: "mask/compositing",
    module: "comfy_extras.nodes_compositing",
    outputs: ["IMAGE"],
    isOutputNode: false,
    inputs: async () => ({ required: { image: ["IMAGE", {}], alpha: ["MASK", {}] } }),
    execute: async (inputs) => {
      const frames = framesInput(inputs, "image");
      const alpha = await opacityOf(maskInput(inputs, "alpha"), frames.width, frames.height);
      const map = async (frame: Frame) => ({ ...frame, alpha });
      return { values: [await mapFrames(frames, { size: () => frames, map })] };
    },
  };
}

async function opacityOf(mask: Mask, width: number, height: number): Promise<Uint8Array> {
  const rgb = mask.transparency.reduce(
    (grey, value, pixel) => grey.fill(255 - value, pixel * 3, pixel * 3 + 3),
    new Uint8Array(mask.transparency.length * 3),
  );
  const frame = { width: mask.width, height: mask.height, rgb };
  const resized = await resizeFrame(frame, width, height, "bilinear");
  return resized.rgb.filter((_, index) => index % 3 === 0);
}
