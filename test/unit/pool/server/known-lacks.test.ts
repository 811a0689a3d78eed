import { expect, test } from "vitest";
import type { NodeInfo } from "../../../../src/comfy/node-info.js";
import { KnownLacks } from "../../../../src/pool/server/known-lacks.js";
import type { Prompt } from "../../../../src/workflow/workflow.js";
import { madeUpClasses } from "../../workflow/object-info.js";
import { workflow } from "../../workflow/workflows.js";

const PROMPT: Prompt = {
  "1": { class_type: "LoadImage", inputs: { image: "x.png" } },
  "2": { class_type: "Grow", inputs: { image: ["1", 0], seed: 1, model: "a.pth" } },
  "3": { class_type: "SaveImage", inputs: { images: ["2", 0], filename_prefix: "x" } },
};
const WORKFLOW = workflow(
  PROMPT,
  `input: { node: "1", field: image }
result: "3"
parameters:
  seed: { node: "2", input: seed, random: true, minimum: 0, maximum: 1000 }
  model: { node: "2", input: model }`,
);

/** A server's classes that count how often they are looked at. */
class CountedClasses extends Map<string, NodeInfo> {
  lookCount = 0;
  override get(name: string): NodeInfo | undefined {
    this.lookCount += 1;
    return super.get(name);
  }
}

function serverWith(highestSeed: number) {
  const classes = new CountedClasses(
    madeUpClasses({
      LoadImage: {
        input: { required: { image: [["x.png"], { image_upload: true }] } },
        output: ["IMAGE"],
      },
      Grow: {
        input: {
          required: {
            image: ["IMAGE"],
            seed: ["INT", { min: 0, max: highestSeed }],
            model: [["a.pth"]],
          },
        },
        output: ["IMAGE"],
      },
      SaveImage: { input: { required: { images: ["IMAGE"], filename_prefix: ["STRING"] } } },
    }),
  );
  return { classes, lacks: new KnownLacks({ classes }) };
}

test("tasks that differ in their seeds alone are judged once", () => {
  const { classes, lacks } = serverWith(1_000);
  expect(lacks.of(WORKFLOW, { seed: 1, model: "a.pth" })).toEqual([]);
  const { lookCount } = classes;
  expect(lookCount).toBeGreaterThan(0);
  for (const seed of [2, 3, 500]) expect(lacks.of(WORKFLOW, { seed, model: "a.pth" })).toEqual([]);
  expect(classes.lookCount).toBe(lookCount);
});

test("another model is judged for itself", () => {
  const { lacks } = serverWith(1_000);
  expect(lacks.of(WORKFLOW, { seed: 1, model: "a.pth" })).toEqual([]);
  expect(lacks.of(WORKFLOW, { seed: 1, model: "b.pth" })).toHaveLength(1);
  expect(lacks.of(WORKFLOW, { seed: 1, model: "a.pth" })).toEqual([]);
});

test("each seed is judged where the server takes some of them", () => {
  const { lacks } = serverWith(10);
  expect(lacks.of(WORKFLOW, { seed: 1 })).toEqual([]);
  expect(lacks.of(WORKFLOW, { seed: 11 })).toHaveLength(1);
});

test("what was judged long ago is judged again, and equal", () => {
  const { lacks } = serverWith(1_000);
  const models = Array.from({ length: 600 }, (_, index) => `${index}.pth`);
  for (const model of models) expect(lacks.of(WORKFLOW, { model })).toHaveLength(1);
  expect(lacks.of(WORKFLOW, { model: "0.pth" })[0]).toContain("0.pth");
});
