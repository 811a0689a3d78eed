import { describe, expect, it } from "vitest";
import type { InputFacts } from "../../../../src/domain/task.js";
import { type Binding, bindPrompt } from "../../../../src/workflow/bind/bind-prompt.js";
import { missingFor } from "../../../../src/workflow/check/missing-for.js";
import type { Prompt, Workflow } from "../../../../src/workflow/workflow.js";
import { recordedClasses } from "../object-info.js";
import { IMAGE_PROMPT, workflow } from "../workflows.js";

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

  it("sets what a choice needs beside its own input, and takes numbers for choices", () => {
    const batches = workflow(
      { ...IMAGE_PROMPT, "2": { class_type: "Network", inputs: { batch: 33, overlap: 3 } } },
      `
models: []
parameters:
  batch:
    node: "2"
    input: batch
    options: [5, 33]
    choices: { 5: { "2": { overlap: 1 } } }
  scale: { type: integer, default: 2, choices: { 2: {}, 4: { "2": { overlap: 4 } } } }
`,
    );
    expect(batches.parameters).toMatchObject([
      { type: "integer", options: [5, 33], default: 33 },
      { type: "integer", options: [2, 4], default: 2 },
    ]);
    const inputs = (parameters: object) => bind(batches, { parameters: { ...parameters } })["2"];
    expect(inputs({ batch: 5 })?.inputs).toEqual({ batch: 5, overlap: 1 });
    expect(inputs({ batch: 33 })?.inputs).toEqual({ batch: 33, overlap: 3 });
    expect(inputs({ scale: 4 })?.inputs).toEqual({ batch: 33, overlap: 4 });
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

  describe("by the shortest edge", () => {
    const both = `
parameters: { resolution: { default: 1080 }, max_resolution: { default: 0, minimum: 0 } }
fit: { node: "5", shortest_edge: resolution, longest_edge: max_resolution }
`;
    const brought = (input: InputFacts, parameters = {}, sidecar = both) =>
      bind(workflow(prompt, sidecar), { input, parameters })["5"]?.inputs;

    it("makes it larger and smaller, the other in proportion, both even", () => {
      expect(brought(sized(640, 360))).toMatchObject({ width: 1920, height: 1080 });
      expect(brought(sized(2160, 3840))).toMatchObject({ width: 1080, height: 1920 });
      expect(brought(sized(101, 75))).toMatchObject({ width: 1454, height: 1080 });
      expect(brought(sized(1920, 1080))).toBeUndefined();
    });

    it("keeps to the limit of the longest edge, where there is one, and to what nodes take", () => {
      expect(brought(sized(640, 360), { max_resolution: 1280 })).toMatchObject({
        ...{ width: 1280, height: 720 },
      });
      expect(brought(sized(640, 360), { max_resolution: 0 })).toMatchObject({ width: 1920 });
      expect(brought(sized(10_000, 100), { resolution: 4096 })).toMatchObject({
        ...{ width: 16_384, height: 164 },
      });
    });

    it("goes by the frames as they are shown where they come upright", () => {
      const turned = sized(720, 1280, { rotationDegrees: 90 });
      expect(brought(turned)).toMatchObject({ width: 1920, height: 1080 });
      const upright = both.replace("node:", "upright: true, node:");
      expect(brought(turned, {}, upright)).toMatchObject({ width: 1080, height: 1920 });
    });
  });

  it("rounds up to a multiple, without parameters too", () => {
    const multiple = 'parameters: {}\nfit: { node: "5", multiple: 64 }';
    const rounded = (width: number, height: number) =>
      bind(workflow(prompt, multiple), { input: sized(width, height) })["5"]?.inputs;
    expect(rounded(1280, 720)).toMatchObject({ width: 1280, height: 768 });
    expect(rounded(854, 1)).toMatchObject({ width: 896, height: 64 });
    expect(rounded(1920, 1088)).toBeUndefined();
  });

  it("refuses an input whose size is not known", () => {
    const message = "Cannot compute the size of the result";
    expect(() => bind(workflow(prompt, sidecar))).toThrow(message);
    expect(() => fitted(sized(0, 10))).toThrow(message);
  });
});

describe("bindPrompt() with alpha", () => {
  const prompt: Prompt = {
    ...IMAGE_PROMPT,
    "4": { class_type: "SaveImage", inputs: { images: ["5", 0], filename_prefix: "x" } },
    "5": { class_type: "JoinImageWithAlpha", inputs: { image: ["3", 0], alpha: ["1", 1] } },
  };
  const facts: InputFacts = { mediaType: "image/png", sizeBytes: 1, width: 9, height: 9 };
  const joined = (input?: InputFacts) =>
    bind(workflow(prompt, 'alpha: "5"'), input === undefined ? {} : { input });

  it("joins it where the input has it", () => {
    const { "5": join, "4": save } = joined({ ...facts, hasAlpha: true });
    expect(join?.inputs).toEqual({ image: ["3", 0], alpha: ["1", 1] });
    expect(save?.inputs["images"]).toEqual(["5", 0]);
  });

  it("leaves the node out on a server without its class, which runs the workflow all the same", () => {
    const core = recordedClasses("core");
    const poor = new Map([...core].filter(([name]) => name !== "JoinImageWithAlpha"));
    const bound = workflow(prompt, 'alpha: "5"');
    expect(missingFor(bound, { classes: poor })).toEqual([]);
    const input = { ...facts, hasAlpha: true } as const;
    expect(bind(bound, { input, classes: poor })["5"]).toBeUndefined();
    expect(bind(bound, { input, classes: core })["5"]).toBeDefined();
  });

  it("leaves the node out where it has none, so that an opaque picture stays one", () => {
    for (const bound of [joined(facts), joined()]) {
      expect(bound["5"]).toBeUndefined();
      expect(bound["4"]?.inputs["images"]).toEqual(["3", 0]);
    }
  });
});
