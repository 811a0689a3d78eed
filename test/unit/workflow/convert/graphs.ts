import { graphToPrompt } from "../../../../src/workflow/convert/graph-to-prompt.js";
import { parseGraph } from "../../../../src/workflow/convert/parse-graph.js";
import type { NodeClasses } from "../../../../src/workflow/node-info.js";
import { madeUpClasses } from "../object-info.js";

/** An input of a made-up node: its type, the link that feeds it, and whether it belongs to a widget. */
type MadeInput = readonly [
  name: string,
  type: string,
  link?: number | undefined,
  widget?: "widget",
];

/** What a made-up node of a graph differs in from the plainest one. */
export interface MadeNode {
  readonly inputs?: readonly MadeInput[];
  readonly outputs?: readonly string[];
  readonly values?: unknown;
  readonly mode?: number;
  readonly properties?: object;
  readonly title?: string;
}

/** A node as the editor saves it. */
export function node(id: number | string, type: string, made: MadeNode = {}): object {
  return {
    id,
    type,
    mode: made.mode ?? 0,
    pos: [0, 0],
    inputs: (made.inputs ?? []).map(([name, inputType, link, widget]) => ({
      name,
      type: inputType,
      link: link ?? null,
      ...(widget && { widget: { name } }),
    })),
    outputs: (made.outputs ?? []).map((outputType) => ({ name: outputType, type: outputType })),
    ...(made.values !== undefined && { widgets_values: made.values }),
    properties: made.properties ?? {},
    ...(made.title !== undefined && { title: made.title }),
  };
}

/** A link in the older of the two formats. */
export type MadeLink = readonly [
  id: number,
  origin: number | string,
  originSlot: number,
  target: number | string,
  targetSlot: number,
];

/** A graph as the editor saves it. */
export function graph(
  nodes: readonly object[],
  links: readonly (MadeLink | object)[],
  rest: object = {},
): object {
  return { version: 0.4, nodes, links, ...rest };
}

/** A subgraph as it stands among a graph's definitions; its links are objects. */
export function subgraph(
  id: string,
  inputs: readonly string[],
  nodes: readonly object[],
  links: readonly MadeLink[],
): object {
  return {
    id,
    name: `Subgraph ${id}`,
    inputs: inputs.map((name) => ({ id: name, name, type: "*", linkIds: [] })),
    outputs: [],
    nodes,
    links: links.map(objectLink),
  };
}

/** A link in the newer format. */
export function objectLink([id, origin, originSlot, target, targetSlot]: MadeLink): object {
  return {
    id,
    origin_id: origin,
    origin_slot: originSlot,
    target_id: target,
    target_slot: targetSlot,
    type: "*",
  };
}

/**
 * A made-up pack: `Source` gives a picture, a mask and a number, `Filter` has a picture, a widget
 * and gives a picture, `Save` saves a picture.
 */
const PACK: NodeClasses = madeUpClasses({
  Source: { input: { required: {} }, output: ["IMAGE", "MASK", "FLOAT"] },
  Filter: {
    input: { required: { image: ["IMAGE"], strength: ["FLOAT", { default: 1, min: 0, max: 9 }] } },
    output: ["IMAGE"],
  },
  Save: {
    input: { required: { images: ["IMAGE"], filename_prefix: ["STRING", { default: "x" }] } },
    output: [],
    output_node: true,
  },
  View: { input: { required: { images: ["IMAGE"] } }, output: [], output_node: true },
});

/** The inputs of one node of a converted graph. */
export function inputsOf(
  made: object,
  id: string,
  classes: NodeClasses = PACK,
): { readonly [name: string]: unknown } | undefined {
  return promptOf(made, classes)[id]?.inputs;
}

/** The prompt of a graph. */
export function promptOf(made: object, classes: NodeClasses = PACK) {
  return graphToPrompt("test", parseGraph("test.json", made), classes).prompt;
}

/** A `Save` node with id 9, fed by link 1. */
export const SAVE = node(9, "Save", {
  inputs: [["images", "IMAGE", 1]],
  values: ["out"],
});

/** A `Source` node with id 1. */
export const SOURCE = node(1, "Source", { outputs: ["IMAGE", "MASK", "FLOAT"] });
