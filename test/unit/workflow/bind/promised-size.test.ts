import { describe, expect, test } from "vitest";
import type { InputFacts } from "../../../../src/domain/task.js";
import { promisedSize } from "../../../../src/workflow/bind/promised-size.js";
import type { ResultSize, WorkflowGraph } from "../../../../src/workflow/workflow.js";

const INPUT: InputFacts = { mediaType: "image/png", sizeBytes: 1, width: 640, height: 360 };
const parameters = ["scale", "shortest", "longest"].map((name, at) => ({
  ...{ name, type: "integer", description: "", default: [3, 1080, 0][at] ?? 0 },
})) as WorkflowGraph["parameters"];

const promised = (size: ResultSize | undefined, values = {}, input = INPUT) =>
  promisedSize({ parameters, ...(size && { size }) } as WorkflowGraph, input, values);

describe("promisedSize()", () => {
  test("is not known where the graph promises none", () => {
    expect(promised(undefined)).toBeUndefined();
  });

  test("is the input's, a number of times or by a parameter", () => {
    expect(promised({ scale: 2 })).toEqual({ width: 1280, height: 720 });
    expect(promised({ scale: "scale" })).toEqual({ width: 1920, height: 1080 });
    expect(promised({ scale: "scale" }, { scale: 4 })).toEqual({ width: 2560, height: 1440 });
  });

  test("is brought to the shortest edge, and under the longest", () => {
    const edges = { scale: 1, shortestEdge: "shortest", longestEdge: "longest" };
    expect(promised(edges)).toEqual({ width: 1920, height: 1080 });
    expect(promised(edges, { longest: 1000 })).toEqual({ width: 1000, height: 562 });
    expect(promised({ scale: 4, longestEdge: "longest" }, { longest: 1920 })).toEqual({
      ...{ width: 1920, height: 1080 },
    });
  });

  test("is upright for a turned film", () => {
    const input: InputFacts = { ...INPUT, width: 360, height: 640, rotationDegrees: 90 };
    expect(promised({ scale: 2 }, {}, input)).toEqual({ width: 720, height: 1280 });
  });
});
