import { applyParameters } from "./bind-prompt.js";
import type { NodeClasses } from "./node-info.js";
import { pickModels } from "./pick-models.js";
import { promptProblems } from "./prompt-problems.js";
import type { ParameterValues } from "./resolve-parameters.js";
import type { Workflow } from "./workflow.js";

/** What a server can run. */
export interface Capability {
  /** The node classes it has; those that a workflow asks for and that are not here are missing. */
  readonly classes: NodeClasses;
}

/**
 * What a server lacks for a workflow: node classes, inputs of them, choices of them (among which
 * are the model files), a sentence each. Nothing: it can run the workflow.
 *
 * @param values parameters that change what is needed, such as the model; left out: the defaults
 */
export function missingFor(
  workflow: Workflow,
  { classes }: Capability,
  values: ParameterValues = {},
): readonly string[] {
  const { inputNode, inputField, models } = workflow;
  const prompt = applyParameters(workflow, { ...defaultsOf(workflow), ...values });
  const isFilledIn = (node: string, input: string) => node === inputNode && input === inputField;
  return promptProblems(pickModels(prompt, models, classes), classes, { isFilledIn, models });
}

function defaultsOf({ parameters }: Workflow): ParameterValues {
  return Object.fromEntries(
    parameters.flatMap((one) => (one.default === undefined ? [] : [[one.name, one.default]])),
  );
}
