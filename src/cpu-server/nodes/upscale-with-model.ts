import { checkSize, type Frame } from "../network/frame.js";
import { findModel, MODEL_NAMES, type Upscaler } from "../network/upscaler.js";
import { PythonError } from "../python-text.js";
import { type FrameSize, mapFrames } from "./frames.js";
import { framesInput, modelInput, textInput } from "./input-values.js";
import type { NodeClass } from "./node-class.js";

/** ComfyUI's UpscaleModelLoader, which lists this server's networks. */
export function upscaleModelLoader(upscaler: Upscaler): NodeClass {
  return {
    name: "UpscaleModelLoader",
    displayName: "Load Upscale Model",
    category: "loaders",
    module: MODULE,
    outputs: ["UPSCALE_MODEL"],
    isOutputNode: false,
    inputs: async () => ({
      required: { model_name: ["COMBO", { multiselect: false, options: [...MODEL_NAMES] }] },
    }),
    execute: async (inputs) => {
      const name = textInput(inputs, "model_name");
      const model = findModel(name);
      if (model === undefined) {
        const message = `Model in folder 'upscale_models' with filename '${name}' not found.`;
        throw new PythonError("FileNotFoundError", message);
      }
      await upscaler.load(model);
      return { values: [model] };
    },
  };
}

/**
 * ComfyUI's ImageUpscaleWithModel. It reports progress and checks for interrupts at every tile of
 * every frame.
 */
export function imageUpscaleWithModel(upscaler: Upscaler): NodeClass {
  return {
    name: "ImageUpscaleWithModel",
    displayName: "Upscale Image (using Model)",
    category: "image/upscaling",
    module: MODULE,
    outputs: ["IMAGE"],
    isOutputNode: false,
    inputs: async () => ({
      required: { upscale_model: ["UPSCALE_MODEL", {}], image: ["IMAGE", {}] },
    }),
    execute: async (inputs, { progress }) => {
      const model = modelInput(inputs, "upscale_model");
      const frames = framesInput(inputs, "image");
      const size = ({ width, height }: FrameSize) => {
        checkSize(width * model.scale, height * model.scale);
        return { width: width * model.scale, height: height * model.scale };
      };
      const map = async (frame: Frame, index: number) => {
        const count = Math.max(frames.count, index + 1);
        const onTile = (doneCount: number, tileCount: number) =>
          progress(index * tileCount + doneCount, count * tileCount);
        return await upscaler.upscale(frame, model, onTile);
      };
      const enlarged = await mapFrames(frames, { size, map });
      return { values: [enlarged], isPending: enlarged.isBoundToRun };
    },
  };
}

const MODULE = "comfy_extras.nodes_upscale_model";
