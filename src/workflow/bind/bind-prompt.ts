import { TaskError } from "../../domain/errors.js";
import type { InputFacts } from "../../domain/task.js";
import { defined } from "../../lib/defined.js";
import { type NodeClasses, ownValue } from "../node-info.js";
import type { ParameterValues } from "../resolve-parameters.js";
import type { Fit, NodeInputs, Prompt, WorkflowGraph } from "../workflow.js";
import { joinsAlpha } from "./carries-alpha.js";
import { edgeBounds } from "./edge-bounds.js";
import { type FilmDepth, keepDepth } from "./film-depth.js";
import { fitSize, isTurned, longestParts } from "./fit-size.js";
import { leaveOut } from "./leave-out.js";
import { type PickedFrames, pickFrames } from "./pick-frames.js";
import { pickModels } from "./pick-models.js";
import { setInputs } from "./set-inputs.js";

/** What turns a workflow's prompt into that of one task. */
export interface Binding {
  /** The uploaded input as the server named it: `subfolder/name`. */
  readonly inputName: string;
  /**
   * Where the server writes the files of this attempt. It is new for each attempt: no older file
   * can be taken for the result.
   */
  readonly filenamePrefix: string;
  /** Resolved values. A parameter that is left out keeps the prompt's own value. */
  readonly parameters: ParameterValues;
  /** Whether to apply the workflow's low-memory profile. */
  readonly lowMemory: boolean;
  /** The server's node classes, which list the model files it has; absent: the first file of each is taken. */
  readonly classes?: NodeClasses;
  /** What the input turned out to be; a graph with a `fit` needs it. */
  readonly input?: InputFacts;
  /** The frames that the prompt computes, where the input is a piece of a film. @default all */
  readonly frames?: PickedFrames;
  /** How finely the film's colours are told apart; the server is one that keeps them. @default 8 bits */
  readonly depth?: FilmDepth;
}

/**
 * The prompt of one task: its graph's own with input, file names and parameters filled in.
 *
 * @throws TaskError INPUT_DAMAGED if a size must be computed and that of the input is not known; WORKFLOW_INVALID if
 *   frames are to be picked and the graph does not tell where they are
 */
export function bindPrompt(graph: WorkflowGraph, binding: Binding): Prompt {
  const { inputNode, inputField } = graph;
  let prompt = applyParameters(graph, binding.parameters);
  if (binding.depth !== undefined) prompt = keepDepth(prompt, graph, binding.depth);
  if (binding.frames !== undefined) prompt = pickFrames(prompt, graph, binding.frames);
  if (binding.lowMemory) prompt = setInputs(prompt, graph.lowMemory ?? {});
  prompt = pickModels(prompt, graph.models, binding.classes);
  prompt = setInputs(prompt, { [inputNode]: { [inputField]: binding.inputName } });
  prompt = setInputs(prompt, fileNames(prompt, graph.resultNode, binding.filenamePrefix));
  const { input, classes } = binding;
  if (!input?.hasAlpha || !joinsAlpha(graph, classes)) prompt = leaveOut(prompt, graph.alpha);
  return graph.fit === undefined ? prompt : applyFit(prompt, graph, graph.fit, binding);
}

/** A graph's prompt with parameters set and all else as it is. */
export function applyParameters(graph: WorkflowGraph, values: ParameterValues): Prompt {
  let prompt: Prompt = Object.fromEntries(
    Object.entries(graph.prompt).map(([id, { class_type, inputs = {}, _meta }]) => [
      id,
      { class_type, inputs, ...defined({ _meta }) },
    ]),
  );
  // Choices first: they are made of several inputs, one of which may have a parameter of its own.
  for (const { name, choices } of graph.parameters) {
    const chosen = ownValue(choices, String(ownValue(values, name)));
    if (chosen !== undefined) prompt = setInputs(prompt, chosen);
  }
  for (const { name, node, input } of graph.parameters) {
    const value = ownValue(values, name);
    if (node === undefined || input === undefined || value === undefined) continue;
    prompt = setInputs(prompt, { [node]: { [input]: value } });
  }
  return prompt;
}

/** Every node that saves a file gets a prefix of its own: the result node the plain one. */
function fileNames(prompt: Prompt, resultNode: string, prefix: string): NodeInputs {
  const savers = Object.keys(prompt).filter(
    (id) => ownValue(prompt, id)?.inputs["filename_prefix"] !== undefined,
  );
  return Object.fromEntries(
    savers.map((id) => [
      id,
      { filename_prefix: id === resultNode ? prefix : `${prefix}_${id.replace(/\W/g, "-")}` },
    ]),
  );
}

function applyFit(prompt: Prompt, graph: WorkflowGraph, fit: Fit, binding: Binding): Prompt {
  const { input, parameters } = binding;
  if (input === undefined || !(input.width > 0 && input.height > 0)) {
    throw new TaskError(
      "INPUT_DAMAGED",
      "Cannot compute the size of the result: width and height of the input are not known",
    );
  }
  const size = fitSize(fit, input, edgeBounds(graph, fit, parameters));
  if (size === undefined) return leaveOut(prompt, fit.node);
  if (fit.turned !== undefined && isTurned(input))
    return setInputs(prompt, { [fit.turned]: { largest_size: longestParts(fit, input, size) } });
  return setInputs(prompt, { [fit.node]: { width: size.width, height: size.height } });
}
