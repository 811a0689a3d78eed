import { describe, expect, it } from "vitest";
import type { NodeClass } from "../../../src/cpu-server/nodes/node-class.js";
import { NodeCache } from "../../../src/cpu-server/prompts/node-cache.js";
import { NodeOrder } from "../../../src/cpu-server/prompts/node-order.js";
import type { Prompt } from "../../../src/cpu-server/prompts/prompt-queue.js";

const nodeClass = (name: string, parts: Partial<NodeClass> = {}): NodeClass => ({
  name,
  displayName: name,
  category: "",
  module: "nodes",
  outputs: ["X"],
  isOutputNode: false,
  inputs: async () => ({ required: {} }),
  execute: async () => ({ values: [] }),
  ...parts,
});

let fileHash = "one";
const classes = [
  nodeClass("Load", { fingerprint: async () => fileHash }),
  nodeClass("Broken", { fingerprint: () => Promise.reject(new Error("unreadable")) }),
  nodeClass("Change"),
  nodeClass("Save", { isOutputNode: true }),
];
const nodes = new Map(classes.map((each) => [each.name, each]));

const chain = (load = "Load"): Prompt => ({
  "1": { class_type: load, inputs: { file: "a" } },
  "2": { class_type: "Change", inputs: { from: ["1", 0], size: 2 } },
  "3": { class_type: "Save", inputs: { from: ["2", 0], prefix: "p" } },
});
const cachedIds = async (cache: NodeCache, prompt: Prompt): Promise<string[]> => {
  await cache.begin(prompt);
  const cached = Object.keys(prompt).filter((id) => cache.values(id) !== undefined);
  for (const id of Object.keys(prompt)) cache.setValues(id, [id]);
  return cached;
};

describe("NodeCache", () => {
  it("knows a node by its class, inputs and ancestors, not by its id", async () => {
    const cache = new NodeCache(nodes);
    expect(await cachedIds(cache, chain())).toEqual([]);
    expect(await cachedIds(cache, chain())).toEqual(["1", "2", "3"]);
    const renamed: Prompt = {
      x: { class_type: "Load", inputs: { file: "a" } },
      y: { class_type: "Change", inputs: { size: 2, from: ["x", 0] } },
    };
    expect(await cachedIds(cache, renamed)).toEqual(["x", "y"]);
  });

  it("runs a node again, and all that depend on it, for any other input, unknown ones too", async () => {
    const cache = new NodeCache(nodes);
    await cachedIds(cache, chain());
    const changed = chain();
    changed["2"] = { class_type: "Change", inputs: { from: ["1", 0], size: 2, unknown: 1 } };
    expect(await cachedIds(cache, changed)).toEqual(["1"]);
  });

  it("sees changed content, unless the graph brings the old mark along", async () => {
    const cache = new NodeCache(nodes);
    fileHash = "one";
    const first = chain();
    await cachedIds(cache, first);
    expect(first["1"]?.is_changed).toEqual(["one"]);
    fileHash = "two";
    expect(await cachedIds(cache, structuredClone(first))).toEqual(["1", "2", "3"]);
    expect(await cachedIds(cache, chain())).toEqual([]);
  });

  it("never takes what cannot be read for the same", async () => {
    const cache = new NodeCache(nodes);
    await cachedIds(cache, chain("Broken"));
    expect(await cachedIds(cache, chain("Broken"))).toEqual([]);
  });
});

describe("NodeOrder", () => {
  const orderOf = (prompt: Prompt, outputs: string[], cached: string[] = []): string[] => {
    const order = new NodeOrder(prompt, nodes, outputs, (id) => cached.includes(id));
    const ids: string[] = [];
    for (let id = order.next(); id !== undefined; id = order.next()) {
      ids.push(id);
      order.done(id);
    }
    return ids;
  };

  it("runs what outputs need, dependencies first, and nothing else", () => {
    const prompt = chain();
    prompt["9"] = { class_type: "Change", inputs: {} };
    expect(orderOf(prompt, ["3"])).toEqual(["1", "2", "3"]);
  });

  it("runs an output as soon as it can", () => {
    const prompt = chain();
    prompt["8"] = { class_type: "Save", inputs: { from: ["1", 0] } };
    expect(orderOf(prompt, ["3", "8"])).toEqual(["1", "8", "2", "3"]);
  });

  it("does not run cached nodes, but names a cached output", () => {
    expect(orderOf(chain(), ["3"], ["1", "2"])).toEqual(["3"]);
    expect(orderOf(chain(), ["3"], ["1", "2", "3"])).toEqual(["3"]);
  });
});
