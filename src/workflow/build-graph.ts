import type { TaskType } from "../domain/task.js";
import { defined } from "../lib/defined.js";
import { buildParameters } from "./build-parameters.js";
import {
  type InputPlace,
  inferInputs,
  inferModels,
  inferParameters,
  inferResults,
  inferType,
} from "./infer.js";
import { invalidWorkflow } from "./invalid-workflow.js";
import type { Sidecar } from "./read/sidecar.js";
import type {
  FilmFrames,
  Fit,
  ModelNeed,
  NodeInputs,
  Prompt,
  ResultSize,
  WorkflowGraph,
  WorkflowParameter,
} from "./workflow.js";

/**
 * Puts a graph together from its prompt and its sidecar; what the sidecar leaves out is read out of the
 * prompt.
 *
 * @param name of the file, without `.json`
 * @throws TaskError WORKFLOW_INVALID where that is not possible, or where the sidecar names a node or an
 *   input that the prompt does not have
 */
export function buildGraph(
  name: string,
  prompt: Prompt,
  sidecar: Sidecar,
): { readonly graph: WorkflowGraph; readonly type: TaskType } {
  const input = sidecar.input ?? onlyInput(name, prompt);
  const resultNode = sidecar.result ?? onlyResult(name, prompt);
  requireNode(name, prompt, "input", input.node);
  requireNode(name, prompt, "result", resultNode);
  for (const id of Object.keys(sidecar.weights ?? {})) requireNode(name, prompt, "weights", id);
  const parameters = buildParameters(name, prompt, sidecar.parameters ?? inferParameters(prompt));
  const graph = {
    prompt,
    inputNode: input.node,
    inputField: input.field,
    resultNode,
    parameters,
    models: modelsOf(name, prompt, sidecar),
    ...(sidecar.weights && { weights: sidecar.weights }),
    ...(sidecar.low_memory && { lowMemory: checkLowMemory(name, prompt, sidecar.low_memory) }),
    ...(sidecar.fit && { fit: fitOf(name, prompt, parameters, sidecar.fit) }),
    ...(sidecar.alpha && { alpha: imageNode(name, prompt, "alpha", sidecar.alpha) }),
    ...(sidecar.frames && { frames: framesOf(name, prompt, parameters, sidecar.frames) }),
    ...(sidecar.size && { size: sizeOf(name, parameters, sidecar.size) }),
  };
  return { graph, type: sidecar.type ?? typeOf(name, prompt, input) };
}

function onlyInput(name: string, prompt: Prompt): InputPlace {
  const [input, ...others] = inferInputs(prompt);
  if (input === undefined || others.length > 0) {
    throw invalidWorkflow(
      name,
      `it has ${input ? "more than one" : "no"} known input node; state "input" in "${name}.yaml"`,
    );
  }
  return input;
}

function onlyResult(name: string, prompt: Prompt): string {
  const [result, ...others] = inferResults(prompt);
  if (result === undefined || others.length > 0) {
    throw invalidWorkflow(
      name,
      `it has ${result ? "more than one" : "no"} node that saves a file; state "result" in "${name}.yaml"`,
    );
  }
  return result;
}

function typeOf(name: string, prompt: Prompt, input: InputPlace): TaskType {
  const type = inferType(prompt[input.node]?.class_type ?? "");
  if (type !== undefined) return type;
  throw invalidWorkflow(name, `its type is not known; state "type" in "${name}.yaml"`);
}

function modelsOf(name: string, prompt: Prompt, { models }: Sidecar): readonly ModelNeed[] {
  if (models === undefined) return inferModels(prompt);
  return models.map(({ node, input, folder, files }) => {
    const { class_type, inputs } = requireNode(name, prompt, "models", node);
    const value = inputs[input];
    if (typeof value !== "string") {
      throw invalidWorkflow(
        name,
        `"models" names input "${input}" of node "${node}", which is no text`,
      );
    }
    return {
      ...{ node, input, classType: class_type, value },
      ...(folder !== undefined && { folder }),
      ...(files !== undefined && { files: Array.isArray(files) ? { [value]: files } : files }),
    };
  });
}

function checkLowMemory(name: string, prompt: Prompt, lowMemory: NodeInputs): NodeInputs {
  for (const id of Object.keys(lowMemory)) requireNode(name, prompt, "low_memory", id);
  return lowMemory;
}

function fitOf(
  name: string,
  prompt: Prompt,
  parameters: readonly WorkflowParameter[],
  {
    node,
    shortest_edge,
    longest_edge,
    scale,
    multiple,
    upright,
    turned,
  }: NonNullable<Sidecar["fit"]>,
): Fit {
  requireDefaults(name, parameters, "fit", [shortest_edge, longest_edge]);
  return {
    node: imageNode(name, prompt, "fit", node),
    scale,
    ...(shortest_edge !== undefined && { shortestEdge: shortest_edge }),
    ...(longest_edge !== undefined && { longestEdge: longest_edge }),
    ...(multiple !== undefined && { multiple }),
    ...(upright && { upright }),
    ...(turned !== undefined && { turned: sizingNode(name, prompt, turned) }),
  };
}

function sizeOf(
  name: string,
  parameters: readonly WorkflowParameter[],
  { scale, shortest_edge, longest_edge }: NonNullable<Sidecar["size"]>,
): ResultSize {
  const byName = typeof scale === "string" ? scale : undefined;
  requireDefaults(name, parameters, "size", [byName, shortest_edge, longest_edge]);
  return { scale, ...defined({ shortestEdge: shortest_edge, longestEdge: longest_edge }) };
}

/** Parameters that sizes are computed with need a value for every task. */
function requireDefaults(
  name: string,
  parameters: readonly WorkflowParameter[],
  where: string,
  wanted: readonly (string | undefined)[],
): void {
  for (const edge of wanted) {
    const parameter = parameters.find((one) => one.name === edge);
    if (edge === undefined || parameter?.default !== undefined) continue;
    const problem = parameter === undefined ? "does not exist" : "has no default";
    throw invalidWorkflow(name, `"${where}" names parameter "${edge}", which ${problem}`);
  }
}

function framesOf(
  name: string,
  prompt: Prompt,
  parameters: readonly WorkflowParameter[],
  { decoded, made, ...rest }: NonNullable<Sidecar["frames"]>,
): FilmFrames {
  requireNode(name, prompt, "frames", decoded);
  requireNode(name, prompt, "frames", made);
  const byName = typeof rest.scale === "string" ? rest.scale : undefined;
  requireDefaults(name, parameters, "frames", [byName]);
  requireOverlap(name, rest);
  return { decoded, made, ...defined(rest) };
}

/** Both or neither: what is mixed is a part of what the network sees before a chunk. */
function requireOverlap(
  name: string,
  { join, overlap, context }: Pick<NonNullable<Sidecar["frames"]>, "join" | "overlap" | "context">,
): void {
  if ((join === "crossfade") !== (overlap !== undefined))
    throw invalidWorkflow(name, '"frames" states "join: crossfade" and "overlap" only together');
  if (overlap !== undefined && overlap > (context?.before ?? 0))
    throw invalidWorkflow(name, `"frames" has an "overlap" of more frames than its context before`);
}

/** A node that may be left out: what is linked to it then gets its `image`. */
function imageNode(name: string, prompt: Prompt, where: string, id: string): string {
  if (Array.isArray(requireNode(name, prompt, where, id).inputs["image"])) return id;
  throw invalidWorkflow(name, `"${where}" names node "${id}", whose input "image" is not linked`);
}

function sizingNode(name: string, prompt: Prompt, id: string): string {
  if (requireNode(name, prompt, "fit", id).inputs["largest_size"] !== undefined) return id;
  throw invalidWorkflow(name, `"fit" names node "${id}", which has no input "largest_size"`);
}

function requireNode(name: string, prompt: Prompt, where: string, id: string) {
  const node = Object.hasOwn(prompt, id) ? prompt[id] : undefined;
  if (node !== undefined) return node;
  throw invalidWorkflow(name, `"${where}" names node "${id}", which it does not have`);
}
