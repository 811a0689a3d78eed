import type { Json } from "../../domain/task.js";
import { isAnyType, isCompatible } from "../slot-types.js";
import { browserKind, setTypeOf } from "./browser-nodes.js";
import {
  BYPASSED,
  type GraphInput,
  type GraphLink,
  type GraphNode,
  MUTED,
  SUBGRAPH_INPUT_ID,
  SUBGRAPH_OUTPUT_ID,
} from "./graph.js";
import type { Scope } from "./graph-scope.js";
import { Unconvertible } from "./unconvertible.js";

/** The source of an input's value in the prompt. */
export type Source =
  /** The output of a node. */
  | { readonly kind: "link"; readonly node: string; readonly slot: number }
  /** A literal. */
  | { readonly kind: "value"; readonly value: Json }
  /** A muted node's output. The input is left out, even if its widget has a value. */
  | { readonly kind: "muted" }
  /** A node that lives in the browser alone and gives no value. */
  | { readonly kind: "switch"; readonly node: string; readonly type: string }
  /** Nothing is linked: the widget's own value counts. */
  | { readonly kind: "none" };

/**
 * Follows an input's link to its real source, as the editor does when it queues a graph: through
 * reroutes, Set and Get, bypassed nodes, into and out of subgraphs.
 *
 * @throws Unconvertible if links run in a circle, or a Get has no Set or several
 */
export function resolveSource(scope: Scope, input: GraphInput): Source {
  return new Tracer(input.type).input(scope, input);
}

const NONE: Source = { kind: "none" };

/** One walk upstream. */
class Tracer {
  /** The type that the input at the walk's end takes. */
  readonly #wanted: string;
  readonly #seen = new Set<string>();

  constructor(wanted: string) {
    this.#wanted = wanted;
  }

  input(scope: Scope, input: GraphInput | undefined): Source {
    const link = input?.link === undefined ? undefined : scope.body.links.get(input.link);
    return link === undefined ? NONE : this.#link(scope, link);
  }

  #link(scope: Scope, link: GraphLink): Source {
    const key = `${scope.prefix}${link.id}`;
    if (this.#seen.has(key)) throw new Unconvertible(`link "${key}" is part of a circle`);
    this.#seen.add(key);
    if (link.originId === SUBGRAPH_INPUT_ID) return this.#outside(scope, link.originSlot);
    const node = scope.body.nodes.get(link.originId);
    return node === undefined ? NONE : this.#output(scope, node, link.originSlot);
  }

  #output(scope: Scope, node: GraphNode, slot: number): Source {
    const kind = browserKind(node.type);
    if (kind === "value") return primitiveValue(node);
    if (node.mode === MUTED) return { kind: "muted" };
    if (node.mode === BYPASSED) {
      return this.input(scope, node.inputs[bypassSlot(node, slot, this.#wanted)]);
    }
    if (kind === "reroute" || kind === "set") return this.input(scope, node.inputs[slot]);
    if (kind === "get") return this.#variable(scope, node);
    if (kind === "switch") return { kind, node: `${scope.prefix}${node.id}`, type: node.type };
    const child = scope.children.get(node.id);
    if (child !== undefined) return this.#inside(child, slot);
    return { kind: "link", node: `${scope.prefix}${node.id}`, slot };
  }

  /**
   * Goes from a subgraph's input to the source that is linked to its instance, or to the instance's
   * own value for it.
   */
  #outside({ parent }: Scope, slot: number): Source {
    if (parent === undefined) return NONE;
    const name = parent.definition.inputNames[slot];
    // Found by name: files may leave out inputs that nothing is linked to.
    const input = parent.instance.inputs.find((one) => one.name === name);
    const source = this.input(parent.scope, input);
    if (source.kind !== "none") return source;
    const value = parent.host.bySlot.get(slot);
    return value === undefined ? NONE : { kind: "value", value };
  }

  /** Goes from an instance's output to the source that is linked to the subgraph's output. */
  #inside(child: Scope, slot: number): Source {
    const link = [...child.body.links.values()].find(
      (one) => one.targetId === SUBGRAPH_OUTPUT_ID && one.targetSlot === slot,
    );
    return link === undefined ? NONE : this.#link(child, link);
  }

  /**
   * Goes from a Get to the source that is linked to the Set of the same name, in its own scope or
   * one around it.
   */
  #variable(scope: Scope, get: GraphNode): Source {
    const name = firstValue(get);
    for (let at: Scope | undefined = scope; at !== undefined; at = at.parent?.scope) {
      const sets = [...at.body.nodes.values()].filter(
        (node) => node.type === setTypeOf(get.type) && firstValue(node) === name,
      );
      if (sets.length > 1) throw new Unconvertible(`"${name}" is set by more than one node`);
      const [set] = sets;
      if (set !== undefined) return this.#output(at, set, 0);
    }
    throw new Unconvertible(`node "${scope.prefix}${get.id}" gets "${name}", which no node sets`);
  }
}

function primitiveValue(node: GraphNode): Source {
  const value = firstValue(node);
  return value === undefined || value === null ? NONE : { kind: "value", value };
}

function firstValue({ values }: GraphNode): Json | undefined {
  return Array.isArray(values) ? values[0] : undefined;
}

/** The input that an output of a bypassed node stands for; -1 if there is none. */
function bypassSlot({ inputs, outputTypes }: GraphNode, slot: number, wanted: string): number {
  if (isAnyType(wanted)) return slot < inputs.length ? slot : 0;
  const given = outputTypes[slot] ?? "*";
  const fits = ({ type }: GraphInput) => isCompatible(type, given) && isCompatible(type, wanted);
  const same = inputs[slot];
  if (same !== undefined && fits(same)) return slot;
  const equal = inputs.findIndex(({ type }) => type === wanted);
  return equal >= 0 ? equal : inputs.findIndex(fits);
}
