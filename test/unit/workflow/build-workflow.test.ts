import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Json } from "../../../src/domain/task.js";
import { parsePrompt } from "../../../src/workflow/read/parse-prompt.js";
import {
  contentVersion,
  fromContent,
  toContent,
} from "../../../src/workflow/read/workflow-content.js";
import type { Prompt } from "../../../src/workflow/workflow.js";
import { IMAGE_PROMPT, workflow } from "./workflows.js";

/** Contents by version, written before sidecars could state folders and other files of models. */
const CONTENTS_OF_BEFORE = new URL(
  "../../fixtures/workflows/contents-of-before.json",
  import.meta.url,
);

describe("buildWorkflow()", () => {
  it("reads out of the prompt what no sidecar states, and says so", () => {
    const prompt: Prompt = {
      ...IMAGE_PROMPT,
      "5": { class_type: "Sampler", inputs: { seed: 7, resolution: 512, image: ["3", 0] } },
    };
    expect(workflow(prompt)).toMatchObject({
      title: "test",
      type: "image",
      inputNode: "1",
      inputField: "image",
      resultNode: "4",
      models: [
        {
          node: "2",
          input: "model_name",
          classType: "UpscaleModelLoader",
          value: "RealESRGAN_x2.pth",
        },
      ],
      parameters: [
        {
          name: "seed",
          type: "integer",
          minimum: 0,
          maximum: 2 ** 32 - 1,
          node: "5",
          input: "seed",
        },
        { name: "resolution", type: "integer", default: 512 },
      ],
      nodeClasses: [
        "ImageUpscaleWithModel",
        "LoadImage",
        "Sampler",
        "SaveImage",
        "UpscaleModelLoader",
      ],
      inferred: ["title", "type", "input", "result", "parameters", "models"],
    });
  });

  it("tells parameters of one name apart by their nodes", () => {
    const sampler = { class_type: "Sampler", inputs: { seed: 1 } };
    const names = workflow({ ...IMAGE_PROMPT, "5": sampler, "6": sampler }).parameters.map(
      ({ name }) => name,
    );
    expect(names).toEqual(["seed_5", "seed_6"]);
  });

  it("takes what the sidecar states", () => {
    const sidecar = `
title: Larger
type: image
input: { node: "1", field: image }
result: "4"
models: []
parameters:
  model: { node: "2", input: model_name, options: [RealESRGAN_x2.pth, other.pth] }
weights: { "3": 9 }
low_memory: { "2": { model_name: small.pth } }
aliases: [Old]
`;
    expect(workflow(IMAGE_PROMPT, sidecar)).toMatchObject({
      title: "Larger",
      models: [],
      parameters: [{ name: "model", type: "string", default: "RealESRGAN_x2.pth" }],
      weights: { "3": 9 },
      lowMemory: { "2": { model_name: "small.pth" } },
      aliases: ["Old"],
      inferred: [],
    });
  });

  it("calls models what the configuration calls them, wherever they stand", () => {
    const sidecar = `
parameters:
  model: { node: "2", input: model_name, options: [RealESRGAN_x2.pth, esrgan-slim-x2] }
low_memory: { "2": { model_name: RealESRGAN_x2.pth } }
`;
    const mapped = workflow(IMAGE_PROMPT, sidecar, { "RealESRGAN_x2.pth": "esrgan-slim-x2" });
    expect(mapped.prompt["2"]?.inputs).toEqual({ model_name: "esrgan-slim-x2" });
    expect(mapped.models[0]?.value).toBe("esrgan-slim-x2");
    expect(mapped.parameters[0]).toMatchObject({
      default: "esrgan-slim-x2",
      options: ["esrgan-slim-x2"],
    });
    expect(mapped.lowMemory).toEqual({ "2": { model_name: "esrgan-slim-x2" } });
    expect(mapped.version).not.toBe(workflow(IMAGE_PROMPT, sidecar).version);
  });

  it("takes model files that do the same, for the graph's own or for names", () => {
    const [own] = workflow(
      IMAGE_PROMPT,
      'models: [{ node: "2", input: model_name, folder: upscale_models, files: [a.pth, b.pth] }]',
      { "b.pth": "mapped.pth" },
    ).models;
    expect(own).toMatchObject({
      folder: "upscale_models",
      files: { "RealESRGAN_x2.pth": ["a.pth", "mapped.pth"] },
    });
    const [named] = workflow(
      IMAGE_PROMPT,
      'models: [{ node: "2", input: model_name, files: { small: [a.pth], large: [b.pth] } }]',
    ).models;
    expect(named?.files).toEqual({ small: ["a.pth"], large: ["b.pth"] });
  });

  const refused: readonly (readonly [string, string, string])[] = [
    ["a node that is not there", 'result: "9"', '"result" names node "9", which it does not have'],
    [
      "a parameter of a linked input",
      'parameters: { p: { node: "3", input: image } }',
      'parameter "p" sets input "image" of node "3", which is linked',
    ],
    [
      "a parameter of no node",
      'parameters: { p: { node: "9", input: image } }',
      'parameter "p" sets node "9", which does not exist',
    ],
    [
      "a default out of range",
      "parameters: { p: { default: 5, maximum: 4 } }",
      'parameter "p" has a default that must be at most 4',
    ],
    [
      "a parameter without a value",
      "parameters: { p: { type: integer } }",
      'parameter "p" needs a "default" or "random: true"',
    ],
    [
      "randomness without bounds",
      "parameters: { p: { type: integer, random: true } }",
      'parameter "p" is random, which takes an integer with minimum and maximum',
    ],
    ["unknown keys", "titel: Larger", 'Cannot use workflow "test.yaml": Unrecognized key: "titel"'],
    ["malformed YAML", "title: [", 'Cannot use workflow "test.yaml":'],
    [
      "a fit of no parameter",
      'fit: { node: "3", longest_edge: edge, scale: 2 }',
      '"fit" names parameter "edge", which does not exist',
    ],
    [
      "a fit of a parameter without a value",
      'parameters: { edge: { type: integer, optional: true } }\nfit: { node: "3", shortest_edge: edge }',
      '"fit" names parameter "edge", which has no default',
    ],
    [
      "a fit of turned films by a node that scales to no longest edge",
      'parameters: {}\nfit: { node: "3", turned: "2" }',
      '"fit" names node "2", which has no input "largest_size"',
    ],
    [
      "alpha that joins nothing",
      'alpha: "2"',
      '"alpha" names node "2", whose input "image" is not linked',
    ],
    [
      "frames of nowhere",
      'frames: { decoded: "1", made: "9" }',
      '"frames" names node "9", which it does not have',
    ],
    [
      "frames of a scale that is no parameter",
      'frames: { decoded: "1", made: "3", scale: size }',
      '"frames" names parameter "size", which does not exist',
    ],
    [
      "frames of half a context",
      'frames: { decoded: "1", made: "3", context: { before: 5 } }',
      "frames.context.after",
    ],
    [
      "frames that are joined somehow",
      'frames: { decoded: "1", made: "3", join: glue }',
      "frames.join",
    ],
  ];
  it.each(refused)("refuses a sidecar with %s", (_, sidecar, message) => {
    expect(() => workflow(IMAGE_PROMPT, sidecar)).toThrow(message);
  });

  it("refuses to guess between two inputs or results", () => {
    const load = { class_type: "LoadImage", inputs: { image: "b.png" } };
    const save = { class_type: "SaveImage", inputs: { images: ["1", 0], filename_prefix: "y" } };
    expect(() => workflow({ ...IMAGE_PROMPT, "5": load })).toThrow(
      'Cannot use workflow "test": it has more than one known input node; state "input" in "test.yaml"',
    );
    expect(() => workflow({ ...IMAGE_PROMPT, "5": save })).toThrow('state "result" in "test.yaml"');
    expect(() => workflow({ "4": save })).toThrow("it has no known input node");
  });
});

describe("parsePrompt()", () => {
  it("gives every node inputs and drops what servers write into embedded graphs", () => {
    const prompt = parsePrompt("x.json", {
      "1": { class_type: "A", is_changed: ["abc"], _meta: { title: "T" } },
    });
    expect(prompt).toEqual({ "1": { class_type: "A", inputs: {}, _meta: { title: "T" } } });
  });

  it.each([[{}], [[]], ["text"], [{ "1": { inputs: {} } }]])("refuses %j", (value) => {
    expect(() => parsePrompt("x.json", value)).toThrow('Cannot use "x.json"');
  });
});

describe("the container of films", () => {
  const container = ({ parameters }: ReturnType<typeof workflow>) =>
    parameters.filter(({ name }) => name === "container");

  it("can be asked of every workflow that takes them, and of no other", () => {
    expect(container(workflow(IMAGE_PROMPT, "type: video"))).toMatchObject([
      { type: "string", default: "mp4", options: ["mp4", "mkv"] },
    ]);
    expect(container(workflow())).toEqual([]);
  });

  it("leaves a parameter of that name as its sidecar states it", () => {
    const own = "{ type: video, parameters: { container: { default: webm } } }";
    expect(container(workflow(IMAGE_PROMPT, own))).toMatchObject([{ default: "webm" }]);
  });
});

it("sidecars state no way to join films that there is not", () => {
  const frames = (join: string) => `frames: { decoded: "1", made: "3", join: ${join} }`;
  expect(workflow(IMAGE_PROMPT, frames("trim")).frames).toMatchObject({ join: "trim" });
  expect(() => workflow(IMAGE_PROMPT, frames("crossfade"))).toThrow("join");
  const context = "context: { before: 4, after: 0 }";
  const fading = workflow(IMAGE_PROMPT, frames(`crossfade, overlap: 4, ${context}`));
  expect(fading.frames).toMatchObject({ join: "crossfade", overlap: 4 });
  expect(() => workflow(IMAGE_PROMPT, frames(`trim, overlap: 4, ${context}`))).toThrow("overlap");
  expect(() => workflow(IMAGE_PROMPT, frames(`crossfade, overlap: 5, ${context}`))).toThrow(
    "overlap",
  );
});

describe("toContent(), fromContent()", () => {
  const sidecar = `
models: [{ node: "2", input: model_name, folder: upscale_models, files: [a.pth, b.pth] }]
parameters:
  seed: { node: "5", input: seed, minimum: 0, maximum: 9, random: true }
  size: { default: 64 }
  memory: { default: low, choices: { low: {}, high: { "5": { seed: 1 } } } }
weights: { "3": 9 }
low_memory: { "5": { seed: 2 } }
fit: { node: "3", shortest_edge: size, longest_edge: size, multiple: 8, upright: true, turned: "6" }
alpha: "3"
frames: { decoded: "1", made: "3", multiple: 4, plus: 1, context: { before: 5, after: 4 }, join: trim, copies: { decoded: 2, made: 1.5 }, scale: size }
`;
  const prompt: Prompt = {
    ...IMAGE_PROMPT,
    "5": { class_type: "Sampler", inputs: { seed: 1 } },
    "6": { class_type: "ImageScaleToMaxDimension", inputs: { image: ["1", 0], largest_size: 1 } },
  };

  it("bring a workflow back as it was, through JSON", () => {
    const original = workflow(prompt, sidecar);
    expect(fromContent(JSON.parse(JSON.stringify(toContent(original))))).toEqual(original);
  });

  it("keep the version of what is stored, for tasks are pinned to it", () => {
    const stored = {
      name: "w",
      title: "W",
      description: "",
      type: "image" as const,
      prompt: {
        "10": { class_type: "SaveImage", inputs: { images: ["9", 0], filename_prefix: "é" } },
        "9": { class_type: "LoadImage", inputs: { image: "a.png" } },
      },
      inputNode: "9",
      inputField: "image",
      resultNode: "10",
      parameters: [],
      nodeClasses: ["LoadImage", "SaveImage"],
      models: [],
      inferred: [],
      aliases: [],
    };
    const version = "ae28094b5aa46553b63b0bd29262169bceb6036482cbddaebdf6bb68d8897ad7";
    expect(contentVersion(stored)).toBe(version);
    expect(Object.keys(Object(toContent(stored)).prompt)).toEqual(["9", "10"]);
  });

  it("give the same version whatever the order of keys, and another for another content", () => {
    const reversed: Prompt = Object.fromEntries(
      Object.entries(prompt).map(([id, node]) => [
        id,
        { ...node, inputs: Object.fromEntries(Object.entries(node.inputs).reverse()) },
      ]),
    );
    const { version } = workflow(prompt, sidecar);
    expect(version).toMatch(/^[0-9a-f]{64}$/);
    expect(workflow(reversed, sidecar).version).toBe(version);
    expect(workflow(prompt, `${sidecar}title: Other`).version).not.toBe(version);
    expect(workflow(prompt, sidecar, {}, "other").version).not.toBe(version);
  });

  it("bring contents back under their versions that were stored before there was more to state", () => {
    const stored: Record<string, Json> = JSON.parse(readFileSync(CONTENTS_OF_BEFORE, "utf8"));
    expect(Object.keys(stored)).toHaveLength(3);
    for (const [version, content] of Object.entries(stored))
      expect(fromContent(content).version).toBe(version);
  });

  it("refuse what is no content", () => {
    expect(() => fromContent({ name: "x" })).toThrow("Cannot read the stored workflow");
  });
});
