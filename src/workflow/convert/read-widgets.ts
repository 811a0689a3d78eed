import type { NodeInfo } from "../../comfy/node-info.js";
import type { Json } from "../../domain/task.js";
import { inputSpec } from "../node-info.js";
import type { GraphNode } from "./graph.js";
import { readWidgetsByName } from "./read-widgets-by-name.js";
import { Unconvertible } from "./unconvertible.js";
import { type Reading, readInLayout } from "./widget-layout.js";
import { isForcedSocket, orderedInputs } from "./widget-spec.js";

/** Values of a node's widgets by input name. */
export type WidgetValues = ReadonlyMap<string, Json>;

/**
 * Reads the values of a node's widgets from its file, by what the server says of its class. A value
 * by position does not say whose it is, and files differ in the other values among them. Each known
 * layout is tried, and one that accounts for every value wins.
 *
 * @throws Unconvertible if no layout gives every widget a value of its type
 */
export function readWidgets(
  { values, namedValues }: GraphNode,
  classType: string,
  info: NodeInfo,
): WidgetValues {
  const read = Array.isArray(values)
    ? readByPosition(values, classType, info)
    : readWidgetsByName(values as { readonly [name: string]: Json }, info);
  const named = Object.entries(namedValues).filter(([name]) => inputSpec(info, name) !== undefined);
  return new Map([...read, ...named]);
}

function readByPosition(values: readonly Json[], classType: string, info: NodeInfo): WidgetValues {
  // Widgets that are not saved leave a hole in some files and nothing in others.
  const compact = values.filter((value) => value !== null);
  const lists = compact.length === values.length ? [values] : [values, compact];
  const read = (hasDummies: boolean): readonly Reading[] =>
    lists.flatMap((list) =>
      [true, false].map((isStrict) =>
        readInLayout(list, classType, info, { isStrict, hasDummies }),
      ),
    );
  const readings = read(false);
  const exact = readings.find(({ isExact }) => isExact) ?? exactWithDummies(info, read);
  const best = exact ?? readings.find(({ misfit }) => misfit === undefined);
  if (best !== undefined) return best.values;
  throw new Unconvertible(`has a value for widget "${readings[0]?.misfit}" that cannot be its own`);
}

/**
 * Reads files from before frontend 1.16: they have a value also for inputs that are sockets in
 * spite of their type.
 */
function exactWithDummies(
  info: NodeInfo,
  read: (hasDummies: boolean) => readonly Reading[],
): Reading | undefined {
  const all = [...orderedInputs(info, "required"), ...orderedInputs(info, "optional")];
  if (!all.some(([, spec]) => isForcedSocket(spec))) return undefined;
  return read(true).find(({ isExact }) => isExact);
}
