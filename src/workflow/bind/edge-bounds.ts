import { ownValue } from "../node-info.js";
import type { ParameterValues } from "../resolve-parameters.js";
import type { Fit, WorkflowGraph } from "../workflow.js";
import type { EdgeBounds } from "./fit-size.js";

/** The bounds of a task's size, by the parameters that have them. */
export function edgeBounds(
  graph: WorkflowGraph,
  { shortestEdge, longestEdge }: Pick<Fit, "shortestEdge" | "longestEdge">,
  values: ParameterValues,
): EdgeBounds {
  return {
    shortest: numberOf(graph, shortestEdge, values),
    longest: numberOf(graph, longestEdge, values),
  };
}

/** The value of a parameter that a size is computed with; undefined where none is named. */
export function numberOf(
  { parameters }: WorkflowGraph,
  name: string | undefined,
  values: ParameterValues,
): number | undefined {
  if (name === undefined) return undefined;
  const fallback = parameters.find((parameter) => parameter.name === name)?.default;
  return Number(ownValue(values, name) ?? fallback);
}
