/**
 * One class of `GET /object_info/{class}`. ComfyUI 0.3.64 describes a combo in two forms, often
 * both in one answer: `[[choices], options]` (older nodes) and `["COMBO", {options: [...]}]` (newer
 * nodes).
 */
import type { Json } from "../domain/task.js";
import { asRecord } from "./wire.js";

/** `[type, options?]`. A list in place of a type contains the choices of a combo. */
export type InputSpec = readonly [
  type: string | readonly Json[],
  options?: { readonly [option: string]: unknown },
];

/** A server's description of a node class: only the used and well-formed parts. */
export interface NodeInfo {
  readonly input: {
    readonly required?: { readonly [name: string]: InputSpec };
    readonly optional?: { readonly [name: string]: InputSpec };
    readonly hidden?: { readonly [name: string]: unknown };
  };
  readonly input_order?: {
    readonly required?: readonly string[];
    readonly optional?: readonly string[];
  };
  /** The types of the outputs by slot. A list contains the choices of a combo. */
  readonly output?: readonly (string | readonly Json[])[];
  readonly output_node?: boolean;
}

/** Reads the description of a class from parsed JSON. Undefined if the value is not one. */
export function nodeInfo(value: unknown): NodeInfo | undefined {
  const { input, input_order, output, output_node } = asRecord(value);
  if (typeof input !== "object" || input === null) return undefined;
  const { required, optional, hidden } = asRecord(input);
  const order = asRecord(input_order);
  return {
    input: {
      ...(required !== undefined && { required: inputSpecs(required) }),
      ...(optional !== undefined && { optional: inputSpecs(optional) }),
      ...(hidden !== undefined && { hidden: asRecord(hidden) }),
    },
    ...(input_order !== undefined && {
      input_order: { required: names(order["required"]), optional: names(order["optional"]) },
    }),
    ...(Array.isArray(output) && { output: output.filter(isType) }),
    ...(typeof output_node === "boolean" && { output_node }),
  };
}

function inputSpecs(value: unknown): { readonly [name: string]: InputSpec } {
  const entries = Object.entries(asRecord(value)).flatMap(([name, spec]) => {
    const [type, options]: readonly unknown[] = Array.isArray(spec) ? spec : [];
    if (!isType(type)) return [];
    const known: InputSpec = options === undefined ? [type] : [type, asRecord(options)];
    return [[name, known] as const];
  });
  return Object.fromEntries(entries);
}

// The value comes from JSON.parse, so its items are JSON in any case.
function isType(value: unknown): value is string | readonly Json[] {
  return typeof value === "string" || Array.isArray(value);
}

function names(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((name) => typeof name === "string") : [];
}
