import { buildWorkflow, type ModelNames } from "../../../src/workflow/build-workflow.js";
import { parseSidecar } from "../../../src/workflow/read/sidecar.js";
import type { Prompt, Workflow } from "../../../src/workflow/workflow.js";

/** A picture workflow: loads, scales up by a model, saves. */
export const IMAGE_PROMPT: Prompt = {
  "1": { class_type: "LoadImage", inputs: { image: "input.png" } },
  "2": { class_type: "UpscaleModelLoader", inputs: { model_name: "RealESRGAN_x2.pth" } },
  "3": {
    class_type: "ImageUpscaleWithModel",
    inputs: { upscale_model: ["2", 0], image: ["1", 0] },
  },
  "4": { class_type: "SaveImage", inputs: { images: ["3", 0], filename_prefix: "x" } },
};

/** A workflow of a prompt and the YAML text of its sidecar. */
export function workflow(
  prompt: Prompt = IMAGE_PROMPT,
  sidecar = "",
  models: ModelNames = {},
  name = "test",
): Workflow {
  return buildWorkflow(name, prompt, parseSidecar(`${name}.yaml`, sidecar), models);
}
