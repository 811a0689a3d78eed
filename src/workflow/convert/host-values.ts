import type { Json } from "../../domain/task.js";
import { type Graph, type GraphNode, SUBGRAPH_INPUT_ID, type Subgraph } from "./graph.js";
import { Unconvertible } from "./unconvertible.js";

/** A value that a subgraph's instance has for a widget of an inner node. */
interface HostWidget {
  readonly node: string;
  readonly widget: string;
  readonly value: Json;
}

/**
 * Values that a subgraph's instance has for widgets of its inner nodes. They win over the inner
 * values.
 */
export interface HostValues {
  /** By slot of the subgraph's input that leads to the widget. */
  readonly bySlot: ReadonlyMap<number, Json>;
  /** Values of widgets that no input leads to. */
  readonly widgets: readonly HostWidget[];
}

/**
 * Reads the values of an instance. They are either for the widgets that its `proxyWidgets` name
 * (`-1`: an input of the subgraph), or for the inputs of the subgraph that lead to widgets, in
 * order.
 *
 * @throws Unconvertible if their number fits neither
 */
export function hostValues(
  instance: GraphNode,
  definition: Subgraph,
  subgraphs: Graph["subgraphs"],
): HostValues {
  const values: readonly Json[] = Array.isArray(instance.values) ? instance.values : [];
  const targets = values.length === 0 ? [] : hostTargets(instance, definition, subgraphs);
  const filled = targets.flatMap((target, index) => {
    const value = values[index] ?? null;
    // Null is a hole: the inner widget keeps its own value.
    return value === null ? [] : [{ ...target, value }];
  });
  return {
    bySlot: new Map(filled.flatMap((one) => ("slot" in one ? [[one.slot, one.value]] : []))),
    widgets: filled.flatMap((one) => ("slot" in one ? [] : [one])),
  };
}

type HostTarget = { readonly slot: number } | Omit<HostWidget, "value">;

function hostTargets(
  { id, values, proxyWidgets }: GraphNode,
  definition: Subgraph,
  subgraphs: Graph["subgraphs"],
): readonly HostTarget[] {
  const count = Array.isArray(values) ? values.length : 0;
  if (proxyWidgets.length === count) {
    return proxyWidgets.map(([node, widget]) => proxyTarget(node, widget, definition, subgraphs));
  }
  const slots = widgetSlots(definition, subgraphs, []);
  if (slots.length === count) return slots.map((slot) => ({ slot }));
  throw new Unconvertible(
    `node "${id}" has ${count} values for the ${slots.length} widgets of subgraph "${definition.name}"`,
  );
}

function proxyTarget(
  node: string,
  widget: string,
  definition: Subgraph,
  subgraphs: Graph["subgraphs"],
): HostTarget {
  const slot = node === "-1" ? definition.inputNames.indexOf(widget) : -1;
  if (slot >= 0) return { slot };
  const inner = definition.nodes.get(node);
  if (inner !== undefined && !subgraphs.has(inner.type)) return { node, widget };
  throw new Unconvertible(
    `subgraph "${definition.name}" shows widget "${widget}" of node "${node}", which has none`,
  );
}

/** The slots of a subgraph's inputs that lead to a widget, here or in a subgraph within. */
function widgetSlots(
  definition: Subgraph,
  subgraphs: Graph["subgraphs"],
  open: readonly string[],
): readonly number[] {
  if (open.includes(definition.id)) return [];
  const within = [...open, definition.id];
  return definition.inputNames.flatMap((_, slot) => {
    const links = [...definition.links.values()].filter(
      (link) => link.originId === SUBGRAPH_INPUT_ID && link.originSlot === slot,
    );
    const leads = links.some((link) => {
      const target = definition.nodes.get(link.targetId);
      const input = target?.inputs.find((one) => one.link === link.id);
      if (target === undefined || input === undefined) return false;
      const nested = subgraphs.get(target.type);
      if (nested === undefined) return input.isWidget;
      const inner = nested.inputNames.indexOf(input.name);
      return widgetSlots(nested, subgraphs, within).includes(inner);
    });
    return leads ? [slot] : [];
  });
}
