import type { InputFacts } from "../../domain/task.js";
import type { ParameterValues } from "../resolve-parameters.js";
import type { WorkflowGraph } from "../workflow.js";
import { edgeBounds, numberOf } from "./edge-bounds.js";
import { fitSize, type Size } from "./fit-size.js";

/** The size that a graph promises of a task's result, as shown; undefined where it promises none. */
export function promisedSize(
  graph: WorkflowGraph,
  input: InputFacts,
  values: ParameterValues,
): Size | undefined {
  const { size } = graph;
  if (size === undefined) return undefined;
  const named = typeof size.scale === "string" ? numberOf(graph, size.scale, values) : size.scale;
  const scale = named ?? 1;
  const full = { width: input.width * scale, height: input.height * scale };
  return fitSize({ scale, upright: true }, input, edgeBounds(graph, size, values)) ?? full;
}
