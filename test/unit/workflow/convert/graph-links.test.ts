import { describe, expect, it } from "vitest";
import { madeUpClasses } from "../object-info.js";
import { graph, inputsOf, node, objectLink, promptOf, SAVE, SOURCE } from "./graphs.js";

const filter = (id: number, link: number | undefined, made: object = {}) =>
  node(id, "Filter", {
    inputs: [["image", "IMAGE", link]],
    outputs: ["IMAGE"],
    values: [0.5],
    ...made,
  });

describe("graphToPrompt(): links", () => {
  it("makes a link of both formats an id in text and a slot in numbers", () => {
    const array = graph([SOURCE, SAVE], [[1, 1, 0, 9, 0]]);
    const object = graph([SOURCE, SAVE], [objectLink([1, 1, 0, 9, 0])]);
    const expected = { filename_prefix: "out", images: ["1", 0] };
    expect(inputsOf(array, "9")).toEqual(expected);
    expect(inputsOf(object, "9")).toEqual(expected);
  });

  it("passes over the holes of removed links", () => {
    const made = graph([SOURCE, SAVE], [[1, 1, 0, 9, 0], null as unknown as object]);
    expect(inputsOf(made, "9")?.["images"]).toEqual(["1", 0]);
  });

  it("takes node ids that are texts", () => {
    const made = graph([node("a", "Source", { outputs: ["IMAGE"] }), SAVE], [[1, "a", 0, 9, 0]]);
    expect(inputsOf(made, "9")?.["images"]).toEqual(["a", 0]);
  });

  it("takes the class of the properties where the type is not one", () => {
    const renamed = node(1, "My source", {
      outputs: ["IMAGE"],
      properties: { "Node name for S&R": "Source" },
    });
    expect(promptOf(graph([renamed, SAVE], [[1, 1, 0, 9, 0]]))["1"]?.class_type).toBe("Source");
  });

  it("keeps titles and gives every node inputs", () => {
    const titled = node(1, "Source", { outputs: ["IMAGE"], title: "From here" });
    const prompt = promptOf(graph([titled, SAVE], [[1, 1, 0, 9, 0]]));
    expect(prompt["1"]).toEqual({
      class_type: "Source",
      inputs: {},
      _meta: { title: "From here" },
    });
  });

  it("lets a link win over the widget's own value", () => {
    const linked = filter(2, 2, {
      inputs: [
        ["image", "IMAGE", 2],
        ["strength", "FLOAT", 3, "widget"],
      ],
    });
    const made = graph(
      [SOURCE, linked, SAVE],
      [
        [1, 2, 0, 9, 0],
        [2, 1, 0, 2, 0],
        [3, 1, 2, 2, 1],
      ],
    );
    expect(inputsOf(made, "2")).toEqual({ image: ["1", 0], strength: ["1", 2] });
  });

  it("leaves an input out whose source is muted, even where its widget has a value", () => {
    const muted = node(5, "Source", { outputs: ["IMAGE", "MASK", "FLOAT"], mode: 2 });
    const linked = filter(2, 2, {
      inputs: [
        ["image", "IMAGE", 2],
        ["strength", "FLOAT", 3, "widget"],
      ],
    });
    const made = graph(
      [SOURCE, muted, linked, SAVE],
      [
        [1, 2, 0, 9, 0],
        [2, 1, 0, 2, 0],
        [3, 5, 2, 2, 1],
      ],
    );
    const prompt = promptOf(made);
    expect(prompt["2"]?.inputs).toEqual({ image: ["1", 0] });
    expect(Object.keys(prompt)).toEqual(["1", "2", "9"]);
  });

  it("leaves muted and bypassed nodes that would save a file out", () => {
    const other = (mode: number) =>
      node(8, "Save", { inputs: [["images", "IMAGE", 2]], values: ["other"], mode });
    const made = (mode: number) =>
      graph(
        [SOURCE, other(mode), SAVE],
        [
          [1, 1, 0, 9, 0],
          [2, 1, 0, 8, 0],
        ],
      );
    expect(Object.keys(promptOf(made(0)))).toEqual(["1", "8", "9"]);
    expect(Object.keys(promptOf(made(2)))).toEqual(["1", "9"]);
    expect(Object.keys(promptOf(made(4)))).toEqual(["1", "9"]);
  });

  it("leaves an input out that is linked to what is no node of the prompt", () => {
    const note = node(1, "Note", { outputs: ["IMAGE"] });
    expect(inputsOf(graph([note, SAVE], [[1, 1, 0, 9, 0]]), "9")).toEqual({
      filename_prefix: "out",
    });
  });

  it("follows reroutes", () => {
    const reroute = node(3, "Reroute", { inputs: [["", "*", 2]], outputs: ["IMAGE"] });
    const made = graph(
      [SOURCE, reroute, SAVE],
      [
        [1, 3, 0, 9, 0],
        [2, 1, 0, 3, 0],
      ],
    );
    expect(promptOf(made)).toEqual(promptOf(graph([SOURCE, SAVE], [[1, 1, 0, 9, 0]])));
  });

  it("puts a primitive's value in place of the link", () => {
    const primitive = node(4, "PrimitiveNode", { outputs: ["FLOAT"], values: [0.25, "fixed"] });
    const linked = filter(2, 2, {
      inputs: [
        ["image", "IMAGE", 2],
        ["strength", "FLOAT", 3, "widget"],
      ],
    });
    const made = graph(
      [SOURCE, primitive, linked, SAVE],
      [
        [1, 2, 0, 9, 0],
        [2, 1, 0, 2, 0],
        [3, 4, 0, 2, 1],
      ],
    );
    expect(inputsOf(made, "2")).toEqual({ image: ["1", 0], strength: 0.25 });
    expect(promptOf(made)["4"]).toBeUndefined();
  });

  it("joins Set and Get by the variable's name", () => {
    const set = node(5, "SetNode", { inputs: [["IMAGE", "IMAGE", 2]], values: ["picture"] });
    const other = node(6, "SetNode", { inputs: [["IMAGE", "IMAGE"]], values: ["another"] });
    const get = node(7, "GetNode", { outputs: ["IMAGE"], values: ["picture"] });
    const made = graph(
      [other, SOURCE, set, get, SAVE],
      [
        [1, 7, 0, 9, 0],
        [2, 1, 0, 5, 0],
      ],
    );
    expect(promptOf(made)).toEqual(promptOf(graph([SOURCE, SAVE], [[1, 1, 0, 9, 0]])));
  });

  it("refuses a Get without its Set, and one with two, by name", () => {
    const get = node(7, "GetNode", { outputs: ["IMAGE"], values: ["picture"] });
    const set = (id: number) =>
      node(id, "SetNode", { inputs: [["IMAGE", "IMAGE", 2]], values: ["picture"] });
    expect(() => promptOf(graph([get, SAVE], [[1, 7, 0, 9, 0]]))).toThrow(
      'Cannot use workflow "test": node "7" gets "picture", which no node sets',
    );
    const twice = graph(
      [SOURCE, set(5), set(6), get, SAVE],
      [
        [1, 7, 0, 9, 0],
        [2, 1, 0, 5, 0],
      ],
    );
    expect(() => promptOf(twice)).toThrow('"picture" is set by more than one node');
  });

  it("refuses links that run in a circle", () => {
    const reroute = (id: number, link: number) =>
      node(id, "Reroute", { inputs: [["", "*", link]], outputs: ["*"] });
    const made = graph(
      [reroute(3, 3), reroute(4, 2), SAVE],
      [
        [1, 3, 0, 9, 0],
        [2, 3, 0, 4, 0],
        [3, 4, 0, 3, 0],
      ],
    );
    expect(() => promptOf(made)).toThrow('link "3" is part of a circle');
  });

  it("keeps only what the saved files depend on, and says what it left out", () => {
    const note = node(20, "Note", { values: ["Read me"] });
    const markdown = node(21, "MarkdownNote", { values: ["# Read me"] });
    const view = node(22, "View", { inputs: [["images", "IMAGE", 2]] });
    const foreign = node(23, "Image Comparer (rgthree)", { inputs: [["image_a", "IMAGE", 3]] });
    const made = graph(
      [note, markdown, SOURCE, view, foreign, SAVE],
      [
        [1, 1, 0, 9, 0],
        [2, 1, 0, 22, 0],
        [3, 1, 0, 23, 0],
      ],
    );
    expect(Object.keys(promptOf(made))).toEqual(["1", "9"]);
  });

  it("refuses classes that the server does not have, and group nodes, all at once", () => {
    const foreign = node(3, "Sharpen+", { inputs: [["image", "IMAGE", 2]], outputs: ["IMAGE"] });
    const group = node(4, "workflow>Mine", { outputs: ["IMAGE"] });
    const made = graph(
      [foreign, group, SAVE],
      [
        [1, 3, 0, 9, 0],
        [2, 4, 0, 3, 0],
      ],
    );
    expect(() => promptOf(made)).toThrow(
      'node "3" (Sharpen+) is of a class that the server does not have; ' +
        'node "4" (workflow>Mine) is a group node, which only the editor can open; make it a subgraph',
    );
  });

  it("refuses a graph that saves no file", () => {
    expect(() => promptOf(graph([SOURCE], []))).toThrow("it has no node that saves a file");
  });
});

describe("graphToPrompt(): bypassed nodes", () => {
  const classes = madeUpClasses({
    Three: { input: { required: {} }, output: ["IMAGE", "MASK", "MASK"] },
    Take: {
      input: { required: { mask: ["MASK"], any: ["*"], filename_prefix: ["STRING"] } },
      output: [],
      output_node: true,
    },
  });
  const three = node(1, "Three", { outputs: ["IMAGE", "MASK", "MASK"] });
  const take = (input: string, type: string) =>
    node(9, "Take", { inputs: [[input, type, 1]], values: ["x"] });

  /** What the last node gets from a bypassed one, whose inputs are fed by the first node's outputs in order. */
  const through = (
    inputTypes: readonly string[],
    outputs: readonly string[],
    slot: number,
    target: object,
  ) => {
    const inputs = inputTypes.map((type, index) => [`in${index}`, type, index + 2] as const);
    const links = inputTypes.map((_, index) => [index + 2, 1, index, 5, index] as const);
    const bypassed = node(5, "Anything", { inputs, outputs, mode: 4 });
    const made = graph([three, bypassed, target], [[1, 5, slot, 9, 0], ...links]);
    return inputsOf(made, "9", classes);
  };

  it("gives the input of the same slot where its type fits both", () => {
    const inputs = through(["MASK", "MASK"], ["IMAGE", "MASK"], 1, take("mask", "MASK"));
    expect(inputs?.["mask"]).toEqual(["1", 1]);
  });

  it("does not give the input of the same slot where its type does not fit what is wanted", () => {
    const inputs = through(["IMAGE", "MASK"], ["*"], 0, take("mask", "MASK"));
    expect(inputs?.["mask"]).toEqual(["1", 1]);
  });

  it("else gives the first input of the very type that is wanted", () => {
    const inputs = through(["IMAGE", "*", "MASK"], ["MASK"], 0, take("mask", "MASK"));
    expect(inputs?.["mask"]).toEqual(["1", 2]);
  });

  it("else gives the first input that is compatible with both", () => {
    const inputs = through(["IMAGE", "mask,LATENT"], ["MASK"], 0, take("mask", "MASK"));
    expect(inputs?.["mask"]).toEqual(["1", 1]);
  });

  it("gives the same slot, else the first, where any type is wanted", () => {
    const types = ["IMAGE", "MASK"];
    expect(through(types, ["X", "Y"], 1, take("any", "*"))?.["any"]).toEqual(["1", 1]);
    expect(through(types, ["X", "Y", "Z"], 2, take("any", "*"))?.["any"]).toEqual(["1", 0]);
  });

  it("drops the link where no input fits", () => {
    const inputs = through(["IMAGE"], ["MASK"], 0, take("mask", "MASK"));
    expect(inputs).toEqual({ filename_prefix: "x" });
  });
});
