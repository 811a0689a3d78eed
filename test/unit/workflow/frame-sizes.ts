import type { Json } from "../../../src/domain/task.js";
import { isLink, type Prompt } from "../../../src/workflow/workflow.js";

/** In pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** How many times larger networks make a picture, by what is in their files' names. */
const SCALES: readonly (readonly [RegExp, number])[] = [
  [/x2/, 2],
  [/x4|animevideov3/, 4],
];

/**
 * The size of what comes out of a node, computed as the nodes of ComfyUI and of its packs do.
 *
 * @param decoded the size of the film's frames
 * @throws Error for a class that is not known here
 */
export function frameSize(prompt: Prompt, nodeId: string, decoded: Size): Size {
  const { class_type, inputs } = prompt[nodeId] ?? { class_type: "none", inputs: {} };
  const sizeOf = (input: string): Size => {
    const link = inputs[input];
    if (!isLink(link)) throw new Error(`Input "${input}" of node "${nodeId}" is not linked`);
    return frameSize(prompt, link[0], decoded);
  };
  const number = (input: string): number => {
    const value: Json | undefined = inputs[input];
    if (!isLink(value)) return Number(value);
    const { width, height } = frameSize(prompt, value[0], decoded);
    return value[1] === 0 ? width : height;
  };
  switch (class_type) {
    case "GetVideoComponents":
      return decoded;
    case "GetImageSize":
    case "ImageFromBatch":
      return sizeOf("image");
    case "ImageBatch":
      return sizeOf("image1");
    case "SeedVR2PostProcessing":
      return evenDown(sizeOf("original_resized_images"));
    case "VSRDecode":
      return times(sizeOf("images"), scaleOf(prompt, inputs["vae"]));
    case "ImageUpscaleWithModel":
      return times(sizeOf("image"), scaleOf(prompt, inputs["upscale_model"]));
    case "ImageScale":
      return { width: number("width"), height: number("height") };
    case "ImageScaleBy":
      return times(sizeOf("image"), number("scale_by"));
    case "ImageScaleToMaxDimension":
      return longestTo(sizeOf("image"), number("largest_size"));
    case "SeedVR2VideoUpscaler":
      return shortestTo(sizeOf("image"), number("resolution"));
    case "FlashVSRNode":
      return flashVsr(times(sizeOf("frames"), number("scale")), "model" in inputs);
    default:
      throw new Error(`What "${class_type}" does to a size is not known here`);
  }
}

/** Rounds as Python does: halves to the even number. */
function round(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

function times({ width, height }: Size, factor: number): Size {
  return { width: round(width * factor), height: round(height * factor) };
}

function longestTo({ width, height }: Size, edge: number): Size {
  if (height > width) return { width: round((width / height) * edge), height: edge };
  return { width: edge, height: round((height / width) * edge) };
}

function shortestTo({ width, height }: Size, edge: number): Size {
  return evenDown(times({ width, height }, edge / Math.min(width, height)));
}

function evenDown({ width, height }: Size): Size {
  return { width: 2 * Math.floor(width / 2), height: 2 * Math.floor(height / 2) };
}

/** Ultra Fast cuts to multiples of 128; Stable, which alone has `model`, gives all of the frame back. */
function flashVsr({ width, height }: Size, isStable: boolean): Size {
  const cut = (edge: number): number => (isStable ? edge : 128 * Math.floor(edge / 128));
  return { width: cut(width), height: cut(height) };
}

function scaleOf(prompt: Prompt, loader: Json | undefined): number {
  const inputs = isLink(loader) ? prompt[loader[0]]?.inputs : undefined;
  const file = Object.values(inputs ?? {}).join(" ");
  const [, scale] = SCALES.find(([pattern]) => pattern.test(file)) ?? [];
  if (scale === undefined) throw new Error(`The scale of "${file}" is not known here`);
  return scale;
}
