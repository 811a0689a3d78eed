import { expect, it } from "vitest";
import { describeWorkflow } from "../../../src/workflow/describe-workflow.js";
import { IMAGE_PROMPT, workflow } from "./workflows.js";

it("describeWorkflow() tells what is stated, what was inferred and what is linked", () => {
  const sidecar = "title: Larger\nparameters: { edge: { default: 64, maximum: 99 } }";
  const lines = describeWorkflow(workflow(IMAGE_PROMPT, sidecar)).join("\n");
  expect(lines).toContain('Workflow "test": Larger');
  expect(lines).toContain('input       node 1 (LoadImage), field "image"');
  expect(lines).toContain("result      node 4 (SaveImage)");
  expect(lines).toContain("model       RealESRGAN_x2.pth (UpscaleModelLoader)");
  expect(lines).toContain("parameter   edge: integer ..99, 64");
  expect(lines).toContain("inferred    type, input, result, models");
  expect(lines).toContain("node 3 (ImageUpscaleWithModel) upscale_model=<2:0> image=<1:0>");
});
