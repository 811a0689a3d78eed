import { crop, type Frame } from "../network/frame.js";
import { RESIZE_METHODS, type ResizeMethod, resizeFrame } from "../network/resize-frame.js";
import { PythonError } from "../python-text.js";
import { type FrameSize, mapFrames } from "./frames.js";
import { framesInput, numberInput, textInput } from "./input-values.js";
import type { InputSpec, NodeClass, ResolvedInputs } from "./node-class.js";

/**
 * ComfyUI's ImageScale: resizes to a width and height. 0 for one of them keeps the aspect ratio.
 */
export function imageScale(): NodeClass {
  return {
    ...COMMON,
    name: "ImageScale",
    displayName: "Upscale Image",
    inputs: async () => ({
      required: {
        image: ["IMAGE", {}],
        upscale_method: [[...RESIZE_METHODS], {}],
        width: EDGE,
        height: EDGE,
        crop: [["disabled", "center"], {}],
      },
    }),
    execute: async (inputs) => {
      const width = numberInput(inputs, "width");
      const height = numberInput(inputs, "height");
      const frames = framesInput(inputs, "image");
      if (width === 0 && height === 0) return { values: [frames] };
      const isCropped = textInput(inputs, "crop") === "center";
      const method = methodInput(inputs);
      const map = async (frame: Frame) => {
        const size = fullSize(frame, width, height);
        const source = isCropped ? cropToRatio(frame, size) : frame;
        return await resizeFrame(source, size.width, size.height, method);
      };
      const size = (from: FrameSize) => fullSize(from, width, height);
      return { values: [await mapFrames(frames, { size, map })] };
    },
  };
}

/** ComfyUI's ImageScaleBy: resizes by a factor. */
export function imageScaleBy(): NodeClass {
  return {
    ...COMMON,
    name: "ImageScaleBy",
    displayName: "Upscale Image By",
    inputs: async () => ({
      required: {
        image: ["IMAGE", {}],
        upscale_method: [[...RESIZE_METHODS], {}],
        scale_by: ["FLOAT", { default: 1, min: 0.01, max: 8, step: 0.01 }],
      },
    }),
    execute: async (inputs) => {
      const factor = numberInput(inputs, "scale_by");
      const method = methodInput(inputs);
      const size = (from: FrameSize) => ({
        width: Math.max(1, Math.round(from.width * factor)),
        height: Math.max(1, Math.round(from.height * factor)),
      });
      const map = async (frame: Frame) => {
        const { width, height } = size(frame);
        return await resizeFrame(frame, width, height, method);
      };
      return { values: [await mapFrames(framesInput(inputs, "image"), { size, map })] };
    },
  };
}

const COMMON = {
  category: "image/upscaling",
  module: "nodes",
  outputs: ["IMAGE"],
  isOutputNode: false,
} as const;

const EDGE: InputSpec = ["INT", { default: 512, min: 0, max: 16384, step: 1 }];

function methodInput(inputs: ResolvedInputs): ResizeMethod {
  const name = textInput(inputs, "upscale_method");
  const method = RESIZE_METHODS.find((known) => known === name);
  if (method === undefined) throw new PythonError("ValueError", `unknown method '${name}'`);
  return method;
}

function fullSize(frame: FrameSize, width: number, height: number): FrameSize {
  return {
    width: width || Math.max(1, Math.round((frame.width * height) / frame.height)),
    height: height || Math.max(1, Math.round((frame.height * width) / frame.width)),
  };
}

/** The largest part from the middle that has the aspect ratio of `size`. */
function cropToRatio(frame: Frame, size: FrameSize): Frame {
  const ratio = size.width / size.height;
  const isTooWide = frame.width / frame.height > ratio;
  const width = isTooWide ? Math.max(1, Math.round(frame.height * ratio)) : frame.width;
  const height = isTooWide ? frame.height : Math.max(1, Math.round(frame.width / ratio));
  const left = Math.floor((frame.width - width) / 2);
  const top = Math.floor((frame.height - height) / 2);
  return crop(frame, left, top, width, height);
}
