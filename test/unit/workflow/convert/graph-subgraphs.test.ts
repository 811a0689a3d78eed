import { describe, expect, it } from "vitest";
import {
  graph,
  inputsOf,
  type MadeNode,
  node,
  promptOf,
  SAVE,
  SOURCE,
  subgraph,
} from "./graphs.js";

const OUTER = "11111111-1111-4111-8111-111111111111";
const INNER = "22222222-2222-4222-8222-222222222222";

/** A subgraph that filters a picture; its second input leads to the filter's widget. */
const filtering = subgraph(
  OUTER,
  ["image", "strength"],
  [
    node(3, "Filter", {
      inputs: [
        ["image", "IMAGE", 1],
        ["strength", "FLOAT", 2, "widget"],
      ],
      outputs: ["IMAGE"],
      values: [0.5],
    }),
  ],
  [
    [1, -10, 0, 3, 0],
    [2, -10, 1, 3, 1],
    [3, 3, 0, -20, 0],
  ],
);

const instance = (made: MadeNode = {}) =>
  node(5, OUTER, { inputs: [["image", "IMAGE", 2]], outputs: ["IMAGE"], ...made });

const around = (made: object, definitions: readonly object[] = [filtering]) =>
  graph(
    [SOURCE, made, SAVE],
    [
      [1, 5, 0, 9, 0],
      [2, 1, 0, 5, 0],
      [7, 1, 2, 5, 1],
    ],
    {
      definitions: { subgraphs: definitions },
    },
  );

describe("graphToPrompt(): subgraphs", () => {
  it("puts the inner nodes in the instance's place, under its id", () => {
    const prompt = promptOf(around(instance()));
    expect(Object.keys(prompt).sort()).toEqual(["1", "5:3", "9"]);
    expect(prompt["9"]?.inputs["images"]).toEqual(["5:3", 0]);
    expect(prompt["5:3"]?.inputs["image"]).toEqual(["1", 0]);
  });

  it("lets the inner widget's own value count where the instance has none", () => {
    expect(inputsOf(around(instance()), "5:3")?.["strength"]).toBe(0.5);
    expect(inputsOf(around(instance({ values: [null] })), "5:3")?.["strength"]).toBe(0.5);
  });

  it("lets the instance's value win over the inner widget's", () => {
    expect(inputsOf(around(instance({ values: [0.75] })), "5:3")?.["strength"]).toBe(0.75);
  });

  it("lets a link to the instance win over both", () => {
    const linked = instance({
      inputs: [
        ["image", "IMAGE", 2],
        ["strength", "FLOAT", 7, "widget"],
      ],
      values: [0.75],
    });
    expect(inputsOf(around(linked), "5:3")?.["strength"]).toEqual(["1", 2]);
  });

  it("finds the instance's inputs by name, where files leave some out", () => {
    const linked = instance({ inputs: [["strength", "FLOAT", 7, "widget"]] });
    expect(inputsOf(around(linked), "5:3")).toEqual({ strength: ["1", 2] });
  });

  it("takes values for the widgets that the instance shows by its properties", () => {
    const shown = instance({
      values: [0.25],
      properties: { proxyWidgets: [["3", "strength"]] },
    });
    expect(inputsOf(around(shown), "5:3")?.["strength"]).toBe(0.25);
    const byInput = instance({ values: [0.3], properties: { proxyWidgets: [["-1", "strength"]] } });
    expect(inputsOf(around(byInput), "5:3")?.["strength"]).toBe(0.3);
  });

  it("refuses values whose widgets it cannot tell", () => {
    expect(() => promptOf(around(instance({ values: [1, 2, 3] })))).toThrow(
      `node "5" has 3 values for the 1 widgets of subgraph "Subgraph ${OUTER}"`,
    );
    const foreign = instance({ values: [1], properties: { proxyWidgets: [["77", "strength"]] } });
    expect(() => promptOf(around(foreign))).toThrow('shows widget "strength" of node "77"');
  });

  it("opens subgraphs within subgraphs, values of the outermost instance first", () => {
    const inner = { ...filtering, id: INNER };
    const outer = subgraph(
      OUTER,
      ["image", "strength"],
      [
        node(8, INNER, {
          inputs: [
            ["image", "IMAGE", 1],
            ["strength", "FLOAT", 2, "widget"],
          ],
          outputs: ["IMAGE"],
          values: [0.1],
        }),
      ],
      [
        [1, -10, 0, 8, 0],
        [2, -10, 1, 8, 1],
        [3, 8, 0, -20, 0],
      ],
    );
    const definitions = [outer, inner];
    expect(inputsOf(around(instance({ values: [0.9] }), definitions), "5:8:3")).toEqual({
      image: ["1", 0],
      strength: 0.9,
    });
    expect(inputsOf(around(instance(), definitions), "5:8:3")?.["strength"]).toBe(0.1);
  });

  it("leaves a muted instance and all within it out", () => {
    expect(Object.keys(promptOf(around(instance({ mode: 2 }))))).toEqual(["9"]);
  });

  it("leaves out what a muted instance would save itself", () => {
    const saving = subgraph(
      OUTER,
      ["image"],
      [node(3, "Save", { inputs: [["images", "IMAGE", 1]], values: ["inner"] })],
      [[1, -10, 0, 3, 0]],
    );
    const made = (mode: number) =>
      graph(
        [SOURCE, instance({ mode }), SAVE],
        [
          [1, 1, 0, 9, 0],
          [2, 1, 0, 5, 0],
        ],
        {
          definitions: { subgraphs: [saving] },
        },
      );
    expect(Object.keys(promptOf(made(0))).sort()).toEqual(["1", "5:3", "9"]);
    expect(Object.keys(promptOf(made(2)))).toEqual(["1", "9"]);
  });

  it("passes a bypassed instance's input on", () => {
    const prompt = promptOf(around(instance({ mode: 4 })));
    expect(Object.keys(prompt)).toEqual(["1", "9"]);
    expect(prompt["9"]?.inputs["images"]).toEqual(["1", 0]);
  });

  it("lets a Get within a subgraph find a Set around it", () => {
    const definition = subgraph(
      OUTER,
      [],
      [
        node(2, "GetNode", { outputs: ["IMAGE"], values: ["picture"] }),
        node(3, "Filter", { inputs: [["image", "IMAGE", 1]], outputs: ["IMAGE"], values: [1] }),
      ],
      [
        [1, 2, 0, 3, 0],
        [3, 3, 0, -20, 0],
      ],
    );
    const set = node(6, "SetNode", { inputs: [["IMAGE", "IMAGE", 2]], values: ["picture"] });
    const made = graph(
      [SOURCE, set, node(5, OUTER, { outputs: ["IMAGE"] }), SAVE],
      [
        [1, 5, 0, 9, 0],
        [2, 1, 0, 6, 0],
      ],
      { definitions: { subgraphs: [definition] } },
    );
    expect(inputsOf(made, "5:3")?.["image"]).toEqual(["1", 0]);
  });

  it("refuses a subgraph that contains itself", () => {
    const endless = subgraph(OUTER, [], [node(1, OUTER)], []);
    expect(() => promptOf(around(instance(), [endless]))).toThrow(
      `subgraph "Subgraph ${OUTER}" contains itself`,
    );
  });
});
