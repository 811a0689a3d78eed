import type { Workflow, WorkflowGraph } from "./workflow.js";

/** One of a workflow's graphs; one without a name is all that the workflow has. */
export interface Variant {
  readonly name?: string;
  readonly graph: WorkflowGraph;
}

/** A workflow's graphs in the order in which they are tried. */
export function variantsOf(workflow: Workflow): readonly [Variant, ...Variant[]] {
  const [first, ...rest] = (workflow.variants ?? []).map(({ name, graph = workflow }) => ({
    name,
    graph,
  }));
  return first === undefined ? [{ graph: workflow }] : [first, ...rest];
}

/** The graph of a variant; the first one where no name is given or none has it. */
export function graphNamed(workflow: Workflow, name: string | undefined): WorkflowGraph {
  const variants = variantsOf(workflow);
  return (variants.find((variant) => variant.name === name) ?? variants[0]).graph;
}

/** A workflow with one variant of its own alone; as it is where none has the name, or all. */
export function onlyVariant(workflow: Workflow, name: string): Workflow {
  const { variants = [] } = workflow;
  const only = variants.filter((variant) => variant.name === name);
  const isOther = only.length > 0 && only.length < variants.length;
  return isOther ? { ...workflow, variants: only } : workflow;
}
