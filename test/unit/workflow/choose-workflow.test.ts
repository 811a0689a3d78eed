import { describe, expect, it } from "vitest";
import { chooseWorkflow, type WorkflowRequest } from "../../../src/workflow/choose-workflow.js";
import type { Prompt, Workflow } from "../../../src/workflow/workflow.js";
import { IMAGE_PROMPT, workflow } from "./workflows.js";

const VIDEO_PROMPT: Prompt = {
  "1": { class_type: "LoadVideo", inputs: { file: "input.mp4" } },
  "2": { class_type: "SaveVideo", inputs: { video: ["1", 0], filename_prefix: "x" } },
};

const image = (name: string, alias: string) =>
  workflow(IMAGE_PROMPT, `aliases: [${alias}]`, {}, name);
const video = (name: string, alias: string) =>
  workflow(VIDEO_PROMPT, `aliases: [${alias}]`, {}, name);

const WORKFLOWS = [
  image("esrgan_image_2x", "ESRGANDefeat"),
  image("seedvr2_image_2048", "SeedVR2Defeat"),
  image("cpu_image_2x", ""),
  video("esrgan_video_1920", "ESRGANDefeat"),
  video("seedvr2_video_1080", "SeedVR2Defeat"),
];

const CATALOG = {
  defaults: { image: ["esrgan_image_2x", "cpu_image_2x"], video: ["esrgan_video_1920", "gone"] },
  list: () => WORKFLOWS,
  unusable: (name: string) =>
    name === "drawn.json" ? { name: "drawn", reason: "It cannot be converted" } : undefined,
  find: (name: string) => WORKFLOWS.find((one) => one.name === name.replace(/\.json$/, "")),
};

function choose(
  request: WorkflowRequest,
  runnable: (workflow: Workflow) => boolean = () => true,
): unknown {
  const choice = chooseWorkflow(CATALOG, request, runnable);
  return "workflow" in choice ? choice.workflow.name : choice.violations;
}

describe("chooseWorkflow()", () => {
  it("takes the workflow that is named, with or without .json, over model and type's default", () => {
    expect(choose({ workflow: "cpu_image_2x.json", model: "seedvr2" })).toBe("cpu_image_2x");
    expect(choose({ workflow: "cpu_image_2x" })).toBe("cpu_image_2x");
  });

  it("takes SeedVR2 for a model whose name has it in any case, else ESRGAN, of the type", () => {
    expect(choose({ model: "x-SeedVR2-7b", type: "image" })).toBe("seedvr2_image_2048");
    expect(choose({ model: "seedvr2" })).toBe("seedvr2_video_1080");
    expect(choose({ model: "anything", type: "image" })).toBe("esrgan_image_2x");
    expect(choose({ model: "realesrgan" })).toBe("esrgan_video_1920");
  });

  it("takes old names for the workflow of the type", () => {
    expect(choose({ workflow: "ESRGANDefeat", type: "image" })).toBe("esrgan_image_2x");
    expect(choose({ workflow: "SeedVR2Defeat.json" })).toBe("seedvr2_video_1080");
  });

  it("takes the first default that can run, else the first", () => {
    expect(choose({ type: "image" })).toBe("esrgan_image_2x");
    expect(choose({ type: "image" }, ({ name }) => name.startsWith("cpu"))).toBe("cpu_image_2x");
    expect(choose({ type: "image" }, () => false)).toBe("esrgan_image_2x");
    expect(choose({})).toBe("esrgan_video_1920");
  });

  it("takes an empty name for none", () => {
    expect(choose({ workflow: "", model: "", type: "image" })).toBe("esrgan_image_2x");
  });

  it.each(["../secret", "a/b.json", "a\\b"])("refuses the path %s", (name) => {
    expect(choose({ workflow: name })).toEqual([
      { field: "workflow", message: `"${name}" is a path; give the workflow's name alone` },
    ]);
  });

  it("refuses a type that contradicts the workflow, naming both", () => {
    expect(choose({ workflow: "cpu_image_2x", type: "video" })).toEqual([
      {
        field: "type",
        message:
          'Type "video" contradicts workflow "cpu_image_2x", which takes an input of type "image"',
      },
    ]);
  });

  it("refuses unknown names and says which there are", () => {
    expect(choose({ workflow: "nope" })).toEqual([
      {
        field: "workflow",
        message: expect.stringContaining('Unknown workflow "nope"; there are esrgan_image_2x, '),
      },
    ]);
    expect(choose({ workflow: "toString" })).toHaveLength(1);
  });

  it("says of a file that cannot be used why", () => {
    expect(choose({ workflow: "drawn.json" })).toEqual([
      { field: "workflow", message: "It cannot be converted" },
    ]);
  });
});
