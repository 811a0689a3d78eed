import { type NodeClasses, ownValue } from "../node-info.js";
import { isLink, type WorkflowGraph } from "../workflow.js";

/** The output of LoadImage that says what of a picture is transparent. */
const MASK_SLOT = 1;

/**
 * Whether a graph gives a picture's alpha to its result: it joins it, or takes the input's mask for something of its own.
 *
 * @param classes the server's node classes; absent: those that the graph needs are there
 */
export function carriesAlpha(graph: WorkflowGraph, classes?: NodeClasses): boolean {
  if (graph.alpha !== undefined) return joinsAlpha(graph, classes);
  return Object.values(graph.prompt).some(({ inputs }) =>
    Object.values(inputs).some(
      (value) => isLink(value) && value[0] === graph.inputNode && value[1] === MASK_SLOT,
    ),
  );
}

/** A server may lack the class of the node that joins alpha: it runs the rest of the graph all the same. */
export function joinsAlpha({ prompt, alpha }: WorkflowGraph, classes?: NodeClasses): boolean {
  if (alpha === undefined) return false;
  return classes?.has(ownValue(prompt, alpha)?.class_type ?? "") ?? true;
}
