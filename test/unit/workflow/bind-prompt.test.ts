import { describe, expect, it } from "vitest";
import type { InputFacts } from "../../../src/domain/task.js";
import { type Binding, bindPrompt } from "../../../src/workflow/bind-prompt.js";
import type { Prompt, Workflow } from "../../../src/workflow/workflow.js";
import { IMAGE_PROMPT, workflow } from "./workflows.js";

const BINDING: Binding = {
  inputName: "sr/in.png",
  filenamePrefix: "sr/t/1/out",
  parameters: {},
  lowMemory: false,
};

const bind = (bound: Workflow, binding: Partial<Binding> = {}) =>
  bindPrompt(bound, { ...BINDING, ...binding });

describe("bindPrompt()", () => {
  it("sets input and file name and leaves the workflow as it was", () => {
    const bound = workflow();
    const prompt = bind(bound);
    expect(prompt["1"]?.inputs["image"]).toBe("sr/in.png");
    expect(prompt["4"]?.inputs).toEqual({ images: ["3", 0], filename_prefix: "sr/t/1/out" });
    expect(bound.prompt).toEqual(IMAGE_PROMPT);
  });

  it("gives every other node that saves a file a prefix of its own", () => {
    const prompt: Prompt = {
      ...IMAGE_PROMPT,
      "7:5": { class_type: "SaveImage", inputs: { images: ["1", 0], filename_prefix: ["6", 0] } },
    };
    const bound = bind(workflow(prompt, 'result: "4"'));
    expect(bound["4"]?.inputs["filename_prefix"]).toBe("sr/t/1/out");
    expect(bound["7:5"]?.inputs["filename_prefix"]).toBe("sr/t/1/out_7-5");
  });

  const PROFILES = workflow(
    IMAGE_PROMPT,
    `
parameters:
  memory:
    default: low
    choices: { low: {}, high: { "2": { model_name: large.pth, tile: 0 } } }
  model: { node: "2", input: model_name }
low_memory: { "2": { tile: 64 } }
`,
  );

  it("sets parameters, a choice's inputs before single ones", () => {
    const high = { memory: "high" };
    expect(bind(PROFILES, { parameters: high })["2"]?.inputs).toEqual({
      model_name: "large.pth",
      tile: 0,
    });
    expect(bind(PROFILES, { parameters: { ...high, model: "m.pth" } })["2"]?.inputs).toEqual({
      model_name: "m.pth",
      tile: 0,
    });
  });

  it("applies the low-memory profile over the parameters", () => {
    const parameters = { memory: "high", model: "m.pth" };
    expect(bind(PROFILES, { parameters, lowMemory: true })["2"]?.inputs).toEqual({
      model_name: "m.pth",
      tile: 64,
    });
  });

  it("gives every node inputs and nothing but what a prompt has", () => {
    const stored = { class_type: "Extra", is_changed: ["x"] } as unknown as Prompt[string];
    const bound = { ...workflow(), prompt: { ...IMAGE_PROMPT, "8": stored } };
    expect(bind(bound)["8"]).toEqual({ class_type: "Extra", inputs: {} });
  });
});

describe("bindPrompt() with a fit", () => {
  const prompt: Prompt = {
    ...IMAGE_PROMPT,
    "4": { class_type: "SaveImage", inputs: { images: ["5", 0], filename_prefix: "x" } },
    "5": { class_type: "ImageScale", inputs: { image: ["3", 0], width: 1, height: 1 } },
  };
  const sidecar = `
parameters: { longest_edge: { default: 1920 } }
fit: { node: "5", longest_edge: longest_edge, scale: 2 }
`;
  const sized = (width: number, height: number, facts: Partial<InputFacts> = {}): InputFacts => ({
    mediaType: "video/mp4",
    sizeBytes: 1,
    width,
    height,
    ...facts,
  });
  const fitted = (input: InputFacts, parameters = {}) =>
    bind(workflow(prompt, sidecar), { input, parameters });

  it("reduces to the longest edge, the other in proportion, both even", () => {
    expect(fitted(sized(1280, 720))["5"]?.inputs).toMatchObject({ width: 1920, height: 1080 });
    expect(fitted(sized(720, 1280))["5"]?.inputs).toMatchObject({ width: 1080, height: 1920 });
    expect(fitted(sized(1919, 801))["5"]?.inputs).toMatchObject({ width: 1920, height: 802 });
    expect(fitted(sized(1280, 720), { longest_edge: 1281 })["5"]?.inputs).toMatchObject({
      width: 1280,
      height: 720,
    });
  });

  it("leaves the node out where nothing is left to scale", () => {
    const small = fitted(sized(640, 360));
    expect(small["5"]).toBeUndefined();
    expect(small["4"]?.inputs["images"]).toEqual(["3", 0]);
  });

  it("goes by the frames as they are stored, which a rotated video does not show", () => {
    const portrait = fitted(sized(720, 1280, { rotationDegrees: 90 }));
    expect(portrait["5"]?.inputs).toMatchObject({ width: 1920, height: 1080 });
    const turned = fitted(sized(720, 1280, { rotationDegrees: 180 }));
    expect(turned["5"]?.inputs).toMatchObject({ width: 1080, height: 1920 });
  });

  it("never makes an edge vanish", () => {
    expect(fitted(sized(4000, 1))["5"]?.inputs).toMatchObject({ width: 1920, height: 2 });
  });

  it("refuses an input whose size is not known", () => {
    const message = "Cannot compute the size of the result";
    expect(() => bind(workflow(prompt, sidecar))).toThrow(message);
    expect(() => fitted(sized(0, 10))).toThrow(message);
  });
});
