import { describe, expect, it } from "vitest";
import { bindPrompt } from "../../../../src/workflow/bind/bind-prompt.js";
import { missingFor } from "../../../../src/workflow/check/missing-for.js";
import type { NodeClasses } from "../../../../src/workflow/node-info.js";
import type { ParameterValues } from "../../../../src/workflow/resolve-parameters.js";
import { madeUpClasses, recordedClasses } from "../object-info.js";
import { IMAGE_PROMPT, workflow } from "../workflows.js";

/** A server with these upscale models. */
function serverWith(...files: readonly string[]): NodeClasses {
  const loader = { UpscaleModelLoader: { input: { required: { model_name: [files] } } } };
  return new Map([...recordedClasses("core"), ...madeUpClasses(loader)]);
}

const NAMED = workflow(
  IMAGE_PROMPT,
  `
models:
  - node: "2"
    input: model_name
    folder: upscale_models
    files: { large: [large_int8.pth, large_fp16.pth], small: [small.pth] }
parameters:
  model: { node: "2", input: model_name, default: large, options: [large, small, other.pth] }
`,
);

const OWN = workflow(
  IMAGE_PROMPT,
  `
models:
  - { node: "2", input: model_name, files: [RealESRGAN_x2.pth, RealESRGAN_x2plus.pth] }
parameters:
  model: { node: "2", input: model_name, options: [RealESRGAN_x2.pth, RealESRGAN_x2plus.pth] }
`,
);

function bound(of: typeof NAMED, parameters: ParameterValues, classes?: NodeClasses): unknown {
  const prompt = bindPrompt(of, {
    ...{ inputName: "in.png", filenamePrefix: "out", lowMemory: false, parameters },
    ...(classes && { classes }),
  });
  return prompt["2"]?.inputs["model_name"];
}

describe("model files by alternatives", () => {
  it("are the first that the server has", () => {
    const both = serverWith("large_fp16.pth", "large_int8.pth");
    expect(bound(NAMED, { model: "large" }, both)).toBe("large_int8.pth");
    const second = serverWith("large_fp16.pth", "small.pth");
    expect(bound(NAMED, { model: "large" }, second)).toBe("large_fp16.pth");
    expect(bound(NAMED, { model: "small" }, second)).toBe("small.pth");
  });

  it("are not taken for a file that is asked for by its own name", () => {
    const server = serverWith("other.pth", "large_int8.pth");
    expect(bound(NAMED, { model: "other.pth" }, server)).toBe("other.pth");
    const plus = serverWith("RealESRGAN_x2.pth");
    expect(bound(OWN, { model: "RealESRGAN_x2plus.pth" }, plus)).toBe("RealESRGAN_x2plus.pth");
  });

  it("stand for the file of the graph itself", () => {
    expect(bound(OWN, {}, serverWith("RealESRGAN_x2plus.pth"))).toBe("RealESRGAN_x2plus.pth");
    const both = serverWith("RealESRGAN_x2plus.pth", "RealESRGAN_x2.pth");
    expect(bound(OWN, {}, both)).toBe("RealESRGAN_x2.pth");
  });

  it("are the first of all where it is not known what the server has", () => {
    expect(bound(NAMED, { model: "large" })).toBe("large_int8.pth");
  });

  it("make a server able that has one of them", () => {
    for (const file of ["large_int8.pth", "large_fp16.pth"])
      expect(missingFor(NAMED, { classes: serverWith(file) })).toEqual([]);
    const small = serverWith("small.pth");
    expect(missingFor(NAMED, { classes: small }, { model: "small" })).toEqual([]);
  });

  it("are all named where the server has none, with the folder they belong into", () => {
    expect(missingFor(NAMED, { classes: serverWith("small.pth") })).toEqual([
      'Model "large_int8.pth" or "large_fp16.pth" is missing in input "model_name" of node class "UpscaleModelLoader"; it belongs into models/upscale_models',
    ]);
    expect(missingFor(OWN, { classes: serverWith() })).toEqual([
      'Model "RealESRGAN_x2.pth" or "RealESRGAN_x2plus.pth" is missing in input "model_name" of node class "UpscaleModelLoader"',
    ]);
  });
});
