import { buildGraph } from "./build-graph.js";
import { withContainer } from "./film-container.js";
import { invalidWorkflow } from "./invalid-workflow.js";
import { mapModels } from "./map-models.js";
import type { Sidecar } from "./read/sidecar.js";
import { contentVersion } from "./read/workflow-content.js";
import type { Prompt, Workflow, WorkflowGraph, WorkflowVariant } from "./workflow.js";

/** The names of model files in workflows, each with the file's name on this pool's servers. */
export type ModelNames = { readonly [name: string]: string };

/** A file that holds the graph of a variant. */
export interface VariantFile {
  /** Without `.json`. */
  readonly name: string;
  readonly prompt: Prompt;
  readonly sidecar: Sidecar;
}

/**
 * Puts a workflow together from its prompt and its sidecar. What the sidecar leaves out is read out
 * of the prompt.
 *
 * @param variantFiles the graphs that the sidecar names as variants, by file, all but its own
 * @throws TaskError WORKFLOW_INVALID where that is not possible, or where a sidecar names a node or an
 *   input that the prompt does not have
 */
export function buildWorkflow(
  name: string,
  filePrompt: Prompt,
  fileSidecar: Sidecar,
  modelNames: ModelNames = {},
  variantFiles: { readonly [file: string]: VariantFile } = {},
): Workflow {
  const sidecar = mapModels(fileSidecar, modelNames);
  const { graph, type } = buildGraph(name, mapModels(filePrompt, modelNames), sidecar);
  const own = {
    ...graph,
    parameters: withContainer(type, graph.parameters),
    name,
    title: sidecar.title ?? name,
    description: sidecar.description ?? "",
    type,
    inferred: inferredOf(sidecar),
    aliases: sidecar.aliases,
  };
  const variants = variantsOf(own, fileSidecar, mapModels(variantFiles, modelNames));
  const graphs = [graph, ...(variants ?? []).flatMap((variant) => variant.graph ?? [])];
  const rest = { ...own, nodeClasses: classesOf(graphs), ...(variants && { variants }) };
  return { ...rest, version: contentVersion(rest) };
}

function classesOf(graphs: readonly WorkflowGraph[]): readonly string[] {
  const nodes = graphs.flatMap(({ prompt }) => Object.values(prompt));
  return [...new Set(nodes.map((node) => node.class_type))].sort();
}

function variantsOf(
  own: Pick<Workflow, "name" | "type" | "parameters">,
  { variants }: Sidecar,
  files: { readonly [file: string]: VariantFile },
): readonly WorkflowVariant[] | undefined {
  if (variants === undefined) return undefined;
  const ownFile = `${own.name}.json`;
  if (!Object.values(variants).includes(ownFile)) {
    throw invalidWorkflow(own.name, `"variants" does not name its own graph, "${ownFile}"`);
  }
  return Object.entries(variants).map(([name, file]) => {
    const variantFile = files[file];
    return variantFile === undefined ? { name } : { name, graph: variantGraph(own, variantFile) };
  });
}

/** Clients see one workflow: no graph may take or give anything else, or be set in more ways. */
function variantGraph(
  own: Pick<Workflow, "name" | "type" | "parameters">,
  file: VariantFile,
): WorkflowGraph {
  const { graph, type } = buildGraph(file.name, file.prompt, file.sidecar);
  const refuse = (reason: string): never => {
    throw invalidWorkflow(own.name, `variant "${file.name}" ${reason}`);
  };
  if (type !== own.type) refuse(`takes an input of type "${type}", not "${own.type}"`);
  const known = own.parameters.map((parameter) => parameter.name);
  const unknown = graph.parameters.find((parameter) => !known.includes(parameter.name));
  if (unknown !== undefined) refuse(`has parameter "${unknown.name}", which the workflow has not`);
  return graph;
}

function inferredOf(sidecar: Sidecar): readonly string[] {
  const stated = ["title", "type", "input", "result", "parameters", "models"] as const;
  return stated.filter((key) => sidecar[key] === undefined);
}
