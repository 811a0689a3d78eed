import { expect, test } from "vitest";
import { timedPrompt } from "../../../../src/pool/learned/timed-prompt.js";
import type { ParameterValues } from "../../../../src/workflow/resolve-parameters.js";
import type { Workflow } from "../../../../src/workflow/workflow.js";

const parameter = { description: "" };
const workflow = {
  version: "v1",
  parameters: [
    { ...parameter, name: "resolution", type: "integer", default: 1080 },
    { ...parameter, name: "model", type: "string", default: "3b", options: ["3b", "7b"] },
    { ...parameter, name: "text", type: "string", default: "" },
    { ...parameter, name: "seed", type: "integer" },
  ],
} as unknown as Workflow;
const values = { resolution: 1080, model: "3b", text: "a", seed: 1 };

function kindOf(
  ...[of, values, isLowMemory]: readonly [Workflow, ParameterValues, boolean]
): string {
  return timedPrompt(of, values, undefined, isLowMemory).kind;
}

const kind = kindOf(workflow, values, false);

test("timedPrompt() is the same whatever the seed and the text", () => {
  expect(kindOf(workflow, { ...values, seed: 2, text: "b" }, false)).toBe(kind);
});

test.each([
  ["another version", { ...workflow, version: "v2" }, values, false],
  ["another number", workflow, { ...values, resolution: 2160 }, false],
  ["another choice", workflow, { ...values, model: "7b" }, false],
  ["the low-memory profile", workflow, values, true],
])("timedPrompt() is another one for %s", (_, ...args) => {
  expect(kindOf(...args)).not.toBe(kind);
});

test("timedPrompt() tells how much there is to compute on", () => {
  const input = { mediaType: "image/png", sizeBytes: 1, width: 8, height: 6 };
  expect(timedPrompt(workflow, values, input, false)).toEqual({ kind, framePixels: 48 });
  expect(timedPrompt(workflow, values, undefined, false).framePixels).toBeUndefined();
});
