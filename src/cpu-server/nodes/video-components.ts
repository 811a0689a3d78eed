import { audioInput, framesInput, numberInput, videoInput } from "./input-values.js";
import type { NodeClass } from "./node-class.js";

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
 */
export function createVideo(): NodeClass {
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
      optional: { audio: ["AUDIO", {}] },
    }),
    execute: async (inputs) => {
      const frames = framesInput(inputs, "images");
      const fps = numberInput(inputs, "fps");
      return { values: [{ frames, fps, audio: audioInput(inputs, "audio") }] };
    },
  };
}

const COMMON = {
  category: "image/video",
  module: "comfy_extras.nodes_video",
  isOutputNode: false,
} as const;
