import { audioInput, framesInput, numberInput, videoInput } from "./input-values.js";
import type { InputSpec, NodeClass } from "./node-class.js";

/**
 * ComfyUI's GetVideoComponents: the frames, the audio (null if there is none) and the frame rate of
 * a video.
 */
export function getVideoComponents(): NodeClass {
  return {
    ...COMMON,
    name: "GetVideoComponents",
    displayName: "Get Video Components",
    outputs: ["IMAGE", "AUDIO", "FLOAT"],
    outputNames: ["images", "audio", "fps"],
    inputs: async () => ({ required: { video: ["VIDEO", {}] } }),
    execute: async (inputs) => {
      const { frames, audio, fps } = videoInput(inputs, "video");
      return { values: [frames, audio, fps] };
    },
  };
}

/**
 * ComfyUI's CreateVideo. One difference: if `fps` is the video's own rate, its frames keep their
 * original times. So a variable frame rate stays as it is.
 *
 * @param keepsDepth whether it can be told how many bits and which colours the film is to have, as since 0.35.
 */
export function createVideo(keepsDepth = false): NodeClass {
  return {
    ...COMMON,
    name: "CreateVideo",
    displayName: "Create Video",
    outputs: ["VIDEO"],
    inputs: async () => ({
      required: {
        images: ["IMAGE", {}],
        fps: ["FLOAT", { default: 30, min: 1, max: 120, step: 1 }],
      },
      optional: { audio: ["AUDIO", {}], ...(keepsDepth && DEPTH) },
    }),
    execute: async (inputs) => {
      const frames = framesInput(inputs, "images");
      const fps = numberInput(inputs, "fps");
      const depth = { bits: inputs["bit_depth"], colours: inputs["color_space"] };
      return { values: [{ frames, fps, audio: audioInput(inputs, "audio"), depth }] };
    },
  };
}

const DEPTH: Record<string, InputSpec> = {
  bit_depth: ["COMBO", { multiselect: false, options: ["auto", 8, 10], default: "auto" }],
  color_space: [
    "COMBO",
    { multiselect: false, options: ["sRGB", "HDR", "HDR PQ"], default: "sRGB" },
  ],
};

const COMMON = {
  category: "image/video",
  module: "comfy_extras.nodes_video",
  isOutputNode: false,
} as const;
