import type { NodeInfo } from "../../comfy/node-info.js";
import type { Json } from "../../domain/task.js";
import { invalidWorkflow } from "../invalid-workflow.js";
import { inputSpec, type NodeClasses } from "../node-info.js";
import type { Prompt, PromptNode } from "../workflow.js";
import { browserKind, isEverywhere } from "./browser-nodes.js";
import type { Graph, GraphNode } from "./graph.js";
import { openScopes, type PlacedNode, placedNodes } from "./graph-scope.js";
import { readWidgets, type WidgetValues } from "./read-widgets.js";
import { resolveSource, type Source } from "./resolve-source.js";
import { Unconvertible } from "./unconvertible.js";
import { isBrowserMade } from "./widget-spec.js";

/** A converted graph. */
export interface Conversion {
  readonly prompt: Prompt;
  /** Nodes that no saved file depends on, as `id (class)`: previews, viewers, unfinished branches. */
  readonly leftOut: readonly string[];
}

/**
 * Converts a graph, as the editor saves it, to the prompt that the editor would queue, by what a
 * server says of its node classes. Only nodes that save files, and all that these depend on, are
 * kept.
 *
 * @param resultNode a further node to keep with all that it depends on
 * @throws TaskError WORKFLOW_INVALID naming everything that cannot be converted: what only a
 *   browser can compute, group nodes, classes that the server does not have
 */
export function graphToPrompt(
  name: string,
  graph: Graph,
  classes: NodeClasses,
  resultNode?: string,
): Conversion {
  return named(name, () => convert(graph, classes, resultNode));
}

/**
 * The node classes that a server may need for converting a graph, sorted, each once.
 *
 * @throws TaskError WORKFLOW_INVALID for a graph that no server could help to convert
 */
export function graphClasses(name: string, graph: Graph): readonly string[] {
  const nodes = named(name, () => nodesOf(graph));
  const classes = nodes.flatMap(({ node }) => [node.type, node.className ?? node.type]);
  return [...new Set(classes)].sort();
}

function named<T>(name: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof Unconvertible)) throw error;
    throw invalidWorkflow(name, error.message, error);
  }
}

/** A node with the sources of its inputs. */
interface LinkedNode extends PlacedNode {
  readonly classType: string;
  readonly sources: ReadonlyMap<string, Source>;
}

function convert(graph: Graph, classes: NodeClasses, resultNode: string | undefined): Conversion {
  const nodes = new Map(nodesOf(graph).map((node) => [node.id, linkNode(node, classes)]));
  const isResult = ({ id, classType }: LinkedNode) =>
    id === resultNode || savesFile(classes.get(classType));
  const results = [...nodes.values()].filter(isResult);
  if (results.length === 0) {
    throw new Unconvertible("it has no node that saves a file, or the server does not know it");
  }
  const kept = withAncestors(nodes, results);
  const reasons: string[] = [];
  const prompt: Record<string, PromptNode> = {};
  for (const node of kept) {
    try {
      prompt[node.id] = toPromptNode(node, nodes, classes);
    } catch (error) {
      if (!(error instanceof Unconvertible)) throw error;
      reasons.push(`node "${node.id}" (${node.classType}) ${error.message}`);
    }
  }
  if (reasons.length > 0) throw new Unconvertible(reasons.join("; "));
  const left = [...nodes.values()].filter(({ id }) => !Object.hasOwn(prompt, id));
  return { prompt, leftOut: left.map(({ id, classType }) => `${id} (${classType})`) };
}

function nodesOf(graph: Graph): readonly PlacedNode[] {
  return placedNodes(openScopes(graph)).filter(({ node }) => browserKind(node.type) === undefined);
}

function linkNode(placed: PlacedNode, classes: NodeClasses): LinkedNode {
  const linked = placed.node.inputs.filter(({ link }) => link !== undefined);
  return {
    ...placed,
    classType: classOf(placed.node, classes),
    sources: new Map(linked.map((input) => [input.name, resolveSource(placed.scope, input)])),
  };
}

function classOf({ type, className }: GraphNode, classes: NodeClasses): string {
  return !classes.has(type) && className !== undefined && classes.has(className) ? className : type;
}

function savesFile(info: NodeInfo | undefined): boolean {
  return info?.output_node === true && inputSpec(info, "filename_prefix") !== undefined;
}

/** Nodes and all that they depend on, in the graph's order. */
function withAncestors(
  nodes: ReadonlyMap<string, LinkedNode>,
  results: readonly LinkedNode[],
): readonly LinkedNode[] {
  const kept = new Set<LinkedNode>();
  const open = [...results];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (kept.has(node)) continue;
    kept.add(node);
    for (const source of node.sources.values()) {
      const feeding = source.kind === "link" ? nodes.get(source.node) : undefined;
      if (feeding !== undefined) open.push(feeding);
    }
  }
  return [...nodes.values()].filter((node) => kept.has(node));
}

function toPromptNode(
  { scope, node, classType, sources }: LinkedNode,
  nodes: ReadonlyMap<string, LinkedNode>,
  classes: NodeClasses,
): PromptNode {
  const info = classes.get(classType);
  if (info === undefined) throw new Unconvertible(unknownClass(classType));
  const inputs = new Map<string, Json>();
  for (const [name, value] of readWidgets(node, classType, info)) inputs.set(name, wrap(value));
  for (const shown of scope.parent?.host.widgets ?? []) {
    if (shown.node === node.id) inputs.set(shown.widget, wrap(shown.value));
  }
  // Links are set last: a link to a widget wins over the widget's own value.
  for (const [name, source] of sources) setSource(inputs, name, source, nodes);
  refuseBrowserMade(inputs, info);
  refuseBrowserLinked(inputs, info, nodes);
  const title = node.title ?? classType;
  return { class_type: classType, inputs: Object.fromEntries(inputs), _meta: { title } };
}

function unknownClass(classType: string): string {
  return /^workflow[>/]/.test(classType)
    ? "is a group node, which only the editor can open; make it a subgraph"
    : "is of a class that the server does not have";
}

function setSource(
  inputs: Map<string, Json>,
  name: string,
  source: Source,
  nodes: ReadonlyMap<string, LinkedNode>,
): void {
  switch (source.kind) {
    case "value":
      inputs.set(name, wrap(source.value));
      break;
    case "link":
      if (nodes.has(source.node)) inputs.set(name, [source.node, source.slot]);
      else inputs.delete(name);
      break;
    case "muted":
      inputs.delete(name);
      break;
    case "switch":
      throw new Unconvertible(
        `has an input "${name}" that is linked to node "${source.node}" (${source.type}), which lives in the browser alone and gives no value`,
      );
    case "none":
      break;
  }
}

/** Wraps a list: without that it would be a link. */
function wrap(value: Json): Json {
  return Array.isArray(value) ? { __value__: value } : value;
}

function refuseBrowserMade(inputs: WidgetValues, info: NodeInfo): void {
  for (const [name, value] of inputs) {
    const spec = inputSpec(info, name);
    if (spec === undefined || isLinkLike(value)) continue;
    const isPrompt = spec[1]?.["dynamicPrompts"] === true && typeof value === "string";
    if (isBrowserMade(spec) || (isPrompt && BROWSER_TEXT.test(value))) {
      throw new Unconvertible(`has an input "${name}" whose value only a browser can make`);
    }
  }
}

/** Refuses a node with an unset input that a node of the graph may feed without a link that is in the file. */
function refuseBrowserLinked(
  inputs: WidgetValues,
  { input: { required = {} } }: NodeInfo,
  nodes: ReadonlyMap<string, LinkedNode>,
): void {
  const isSet = (name: string) =>
    [...inputs.keys()].some((key) => `${key}.`.startsWith(`${name}.`));
  const unset = Object.keys(required).find((name) => !isSet(name));
  const feeding = [...nodes.values()].find(({ node }) => isEverywhere(node.type));
  if (unset === undefined || feeding === undefined) return;
  throw new Unconvertible(
    `has an input "${unset}" that nothing is linked to; node "${feeding.id}" (${feeding.node.type}) may link it, but only in the browser, and the file does not say so`,
  );
}

function isLinkLike(value: Json): boolean {
  return Array.isArray(value);
}

/** What the browser replaces in a text: choices `{a|b}` and comments. */
const BROWSER_TEXT = /(?<!\\)\{|\/\*|\/\//;
