import { describe, expect, it } from "vitest";
import { parametersSchema, resolveParameters } from "../../../src/workflow/resolve-parameters.js";
import { IMAGE_PROMPT, workflow } from "./workflows.js";

const WORKFLOW = workflow(
  { ...IMAGE_PROMPT, "5": { class_type: "Sampler", inputs: { seed: 1, resolution: 1080 } } },
  `
parameters:
  seed: { node: "5", input: seed, minimum: 10, maximum: 19, random: true }
  resolution: { description: Pixels, node: "5", input: resolution, minimum: 16, maximum: 4096 }
  scale: { type: number, default: 1, maximum: 4 }
  color: { default: lab, options: [lab, hsv] }
  fast: { default: false }
`,
);

const resolve = (given: object, legacy = {}, random = 0) =>
  resolveParameters(WORKFLOW, given as never, legacy, () => random);

describe("resolveParameters()", () => {
  it("fills in defaults, and a random seed within its range", () => {
    const rest = { resolution: 1080, scale: 1, color: "lab", fast: false };
    expect(resolve({})).toEqual({ values: { seed: 10, ...rest } });
    expect(resolve({}, {}, 0.999999)).toEqual({ values: { seed: 19, ...rest } });
    expect(resolve({ seed: null, color: null })).toEqual({ values: { seed: 10, ...rest } });
  });

  it("takes what is given, numbers as texts too", () => {
    const given = { seed: 12, resolution: "720", scale: "1.5", color: "hsv", fast: true };
    expect(resolve(given)).toEqual({ values: { ...given, resolution: 720, scale: 1.5 } });
  });

  it("tells all that is wrong at once", () => {
    const wrong = { seed: 1.5, resolution: 8, scale: 9, color: "red", fast: "yes", size: 3 };
    const resolved = resolve(wrong);
    expect(resolved).toEqual({
      violations: [
        {
          field: "parameters.size",
          message:
            'Workflow "test" has no parameter "size"; it has seed, resolution, scale, color, fast',
        },
        { field: "parameters.seed", message: "parameters.seed must be a whole number" },
        { field: "parameters.resolution", message: "parameters.resolution must be at least 16" },
        { field: "parameters.scale", message: "parameters.scale must be at most 4" },
        { field: "parameters.color", message: 'parameters.color must be one of "lab", "hsv"' },
        { field: "parameters.fast", message: "parameters.fast must be true or false" },
      ],
    });
  });

  it.each([["0x10"], [""], ["ten"], [[]], [{}], [true], [1e20]])(
    "takes no %j for a number",
    (value) => {
      expect(resolve({ resolution: value })).toHaveProperty(
        "violations.0.field",
        "parameters.resolution",
      );
    },
  );

  it("does not take names that every object has for parameters", () => {
    expect(resolve({ constructor: 1 })).toHaveProperty(
      "violations.0.field",
      "parameters.constructor",
    );
  });

  it("takes older fields where the workflow has them, unless they are given or cannot be taken", () => {
    const legacy = { resolution: "720", outscale: 2 };
    expect(resolve({}, legacy)).toMatchObject({ values: { resolution: 720, scale: 2 } });
    expect(resolve({}, { outputMagnification: "3" })).toMatchObject({ values: { scale: 3 } });
    expect(resolve({ resolution: 480 }, legacy)).toMatchObject({ values: { resolution: 480 } });
    expect(resolve({}, { resolution: "1080p", outscale: 100 })).toMatchObject({
      values: { resolution: 1080, scale: 1 },
    });
  });
});

describe("parametersSchema()", () => {
  it("describes what can be given", () => {
    expect(parametersSchema(WORKFLOW)).toEqual({
      $schema: "https://json-schema.org/draft/2020-12/schema",
      type: "object",
      additionalProperties: false,
      properties: {
        seed: { type: "integer", minimum: 10, maximum: 19 },
        resolution: {
          type: "integer",
          description: "Pixels",
          default: 1080,
          minimum: 16,
          maximum: 4096,
        },
        scale: { type: "number", default: 1, maximum: 4 },
        color: { type: "string", default: "lab", enum: ["lab", "hsv"] },
        fast: { type: "boolean", default: false },
      },
    });
  });
});
