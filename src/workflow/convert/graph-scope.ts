import { defined } from "../../lib/defined.js";
import { type Graph, type GraphBody, type GraphNode, isOff, type Subgraph } from "./graph.js";
import { type HostValues, hostValues } from "./host-values.js";
import { Unconvertible } from "./unconvertible.js";

/** The graph itself, or the content of one instance of a subgraph. */
export interface Scope {
  /** What precedes the ids of the scope's nodes in the prompt: `7:` inside of node 7. */
  readonly prefix: string;
  readonly body: GraphBody;
  /** The scopes of its subgraph instances, by the ids of their nodes. */
  readonly children: ReadonlyMap<string, Scope>;
  /** Where the instance is; absent for the graph itself. */
  readonly parent?: ScopeParent;
}

/** The instance that a scope stands for. */
interface ScopeParent {
  readonly scope: Scope;
  readonly instance: GraphNode;
  readonly definition: Subgraph;
  readonly host: HostValues;
}

/** A node and the scope that it is in. */
export interface PlacedNode {
  readonly scope: Scope;
  readonly node: GraphNode;
  /** The node's id in the prompt. */
  readonly id: string;
}

/** Opens a graph's subgraphs, nested ones too. Instances that do not run stay closed. */
export function openScopes(graph: Graph): Scope {
  return openScope(graph, graph.subgraphs, "", []);
}

/**
 * The nodes of a scope and of all scopes within it that take part in a run and are no instances.
 */
export function placedNodes(scope: Scope): readonly PlacedNode[] {
  return [...scope.body.nodes.values()].flatMap((node) => {
    const child = scope.children.get(node.id);
    if (child !== undefined) return placedNodes(child);
    return isOff(node) ? [] : [{ scope, node, id: `${scope.prefix}${node.id}` }];
  });
}

function openScope(
  body: GraphBody,
  subgraphs: Graph["subgraphs"],
  prefix: string,
  open: readonly string[],
  parent?: ScopeParent,
): Scope {
  const children = new Map<string, Scope>();
  const scope: Scope = { prefix, body, children, ...defined({ parent }) };
  for (const node of body.nodes.values()) {
    const definition = subgraphs.get(node.type);
    if (definition === undefined || isOff(node)) continue;
    if (open.includes(definition.id)) {
      throw new Unconvertible(`subgraph "${definition.name}" contains itself`);
    }
    const within = `${prefix}${node.id}:`;
    const host = hostValues(node, definition, subgraphs);
    const instance = { scope, instance: node, definition, host };
    const opened = [...open, definition.id];
    children.set(node.id, openScope(definition, subgraphs, within, opened, instance));
  }
  return scope;
}
