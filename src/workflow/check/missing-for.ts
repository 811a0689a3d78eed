import { applyParameters } from "../bind/bind-prompt.js";
import { leaveOut } from "../bind/leave-out.js";
import { pickFrames } from "../bind/pick-frames.js";
import { pickModels } from "../bind/pick-models.js";
import { filmFrames } from "../film-frames.js";
import type { NodeClasses } from "../node-info.js";
import type { ParameterValues } from "../resolve-parameters.js";
import { type Variant, variantsOf } from "../variants.js";
import type { Prompt, Workflow, WorkflowGraph } from "../workflow.js";
import { promptProblems } from "./prompt-problems.js";

/** What a server can run. */
export interface Capability {
  /**
   * The node classes that the server has. A class that a workflow needs and that is not here is
   * missing.
   */
  readonly classes: NodeClasses;
}

/**
 * What a server lacks for a workflow: node classes, inputs of them, choices of them (among which
 * are the model files), a sentence each. Nothing: it can run one of the workflow's graphs.
 *
 * @param values parameters that change what is needed, such as the model; by default the
 *   workflow's own
 * @param asChunks whether it is to run chunks of films, for which frames are picked. @default false
 */
export function missingFor(
  workflow: Workflow,
  { classes }: Capability,
  values: ParameterValues = {},
  asChunks = false,
): readonly string[] {
  const lacks: string[] = [];
  for (const { name, graph } of variantsOf(workflow)) {
    const missing = lacksOf(workflow, graph, { values, classes, asChunks });
    if (missing.length === 0) return [];
    const variant = name === undefined ? "" : `Variant "${name}": `;
    lacks.push(...missing.map((what) => variant + what));
  }
  return lacks;
}

/** A variant as a server runs it, with the prompt as it is there before a task's files are filled in. */
export interface RunnableVariant extends Variant {
  readonly prompt: Prompt;
}

/**
 * The variant of a workflow that a server runs: the first that it can; undefined if it can run none.
 *
 * @param asChunks whether it is to run chunks of films. @default false
 */
export function variantOn(
  workflow: Workflow,
  { classes }: Capability,
  values: ParameterValues = {},
  asChunks = false,
): RunnableVariant | undefined {
  for (const variant of variantsOf(workflow)) {
    const { graph } = variant;
    if (lacksOf(workflow, graph, { values, classes, asChunks }).length > 0) continue;
    return { ...variant, prompt: promptOn(workflow, graph, { values, classes, asChunks }) };
  }
  return undefined;
}

interface Run extends Capability {
  readonly values: ParameterValues;
  readonly asChunks: boolean;
}

function lacksOf(workflow: Workflow, graph: WorkflowGraph, run: Run): readonly string[] {
  if (run.asChunks && filmFrames(graph) === undefined)
    return ["Films cannot be cut for it: it does not tell where its frames are"];
  return problemsOf(promptOn(workflow, graph, run), graph, run.classes);
}

/** Whatever of a piece is picked, the same nodes are needed. */
const ANY_FRAMES = { skip: 1, before: 1, count: 1, after: 1 };

/**
 * Tasks carry the workflow's defaults, whichever graph they come to. Alpha is no need: most pictures have
 * none.
 */
function promptOn(
  workflow: Workflow,
  graph: WorkflowGraph,
  { values, classes, asChunks }: Run,
): Prompt {
  const all = { ...defaultsOf(graph), ...defaultsOf(workflow), ...values };
  const whole = applyParameters(graph, all);
  const picked = { ...ANY_FRAMES, lead: filmFrames(graph)?.overlap === undefined ? 0 : 1 };
  const prompt = asChunks ? pickFrames(whole, graph, picked) : whole;
  return pickModels(leaveOut(prompt, graph.alpha), graph.models, classes);
}

function problemsOf(
  prompt: Prompt,
  { inputNode, inputField, models }: WorkflowGraph,
  classes: NodeClasses,
): readonly string[] {
  const isFilledIn = (node: string, input: string) => node === inputNode && input === inputField;
  return promptProblems(prompt, classes, { isFilledIn, models });
}

function defaultsOf({ parameters }: WorkflowGraph): ParameterValues {
  return Object.fromEntries(
    parameters.flatMap((one) => (one.default === undefined ? [] : [[one.name, one.default]])),
  );
}
