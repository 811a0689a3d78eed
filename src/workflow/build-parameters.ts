import type { Json } from "../domain/task.js";
import { defined } from "../lib/defined.js";
import { checkValue } from "./check-value.js";
import { invalidWorkflow } from "./invalid-workflow.js";
import type { SidecarParameter } from "./read/sidecar.js";
import type { ParameterType, Prompt, WorkflowParameter } from "./workflow.js";

/**
 * Completes the parameters that a sidecar states. Unless stated, the default is the prompt's own
 * value, and the type is that of the default.
 *
 * @throws TaskError WORKFLOW_INVALID for a parameter that cannot be set or whose default breaks
 *   its own rules
 */
export function buildParameters(
  workflow: string,
  prompt: Prompt,
  stated: { readonly [name: string]: SidecarParameter },
): readonly WorkflowParameter[] {
  return Object.entries(stated).map(([name, parameter]) => {
    try {
      return buildParameter(name, parameter, prompt);
    } catch (error) {
      if (!(error instanceof BadParameter)) throw error;
      throw invalidWorkflow(workflow, `parameter "${name}" ${error.message}`, error);
    }
  });
}

function buildParameter(name: string, stated: SidecarParameter, prompt: Prompt): WorkflowParameter {
  const present = targetValue(stated, prompt);
  const type = stated.type ?? typeOf(stated.default ?? stated.options?.[0] ?? present, stated);
  const options = stated.options ?? chosen(stated, type);
  const parameter: WorkflowParameter = {
    name,
    type,
    description: stated.description,
    ...defined({
      minimum: stated.minimum,
      maximum: stated.maximum,
      options: options && [...new Set(options)],
      node: stated.node,
      input: stated.input,
      choices: stated.choices,
    }),
  };
  if (stated.random) return checkRandom(parameter);
  if (stated.optional) return checkOptional(parameter, stated);
  return withDefault(parameter, stated.default ?? present);
}

/** The keys of choices that are all there is to choose from. */
function chosen(
  { choices, node }: SidecarParameter,
  type: ParameterType,
): readonly Json[] | undefined {
  if (choices === undefined || node !== undefined) return undefined;
  const keys = Object.keys(choices);
  return type === "integer" || type === "number" ? keys.map(Number) : keys;
}

/** What the prompt has where the parameter goes; undefined for one that goes to no single input. */
function targetValue({ node, input, choices }: SidecarParameter, prompt: Prompt): Json | undefined {
  if ((node === undefined) !== (input === undefined)) {
    throw new BadParameter('needs "node" and "input" together');
  }
  for (const id of Object.values(choices ?? {}).flatMap((set) => Object.keys(set))) {
    requireNode(prompt, id);
  }
  if (node === undefined || input === undefined) return undefined;
  const value = requireNode(prompt, node).inputs[input];
  if (!Array.isArray(value)) return value;
  throw new BadParameter(`sets input "${input}" of node "${node}", which is linked`);
}

function requireNode(prompt: Prompt, id: string) {
  const node = Object.hasOwn(prompt, id) ? prompt[id] : undefined;
  if (node === undefined) throw new BadParameter(`sets node "${id}", which does not exist`);
  return node;
}

function typeOf(value: Json | undefined, { choices, node }: SidecarParameter): ParameterType {
  if (choices !== undefined && node === undefined) return "string";
  if (typeof value === "string" || typeof value === "boolean") {
    return typeof value === "string" ? "string" : "boolean";
  }
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  throw new BadParameter('needs a "type"');
}

function checkRandom(parameter: WorkflowParameter): WorkflowParameter {
  const { type, minimum, maximum } = parameter;
  if (type === "integer" && minimum !== undefined && maximum !== undefined) return parameter;
  throw new BadParameter("is random, which takes an integer with minimum and maximum");
}

function checkOptional(parameter: WorkflowParameter, stated: SidecarParameter): WorkflowParameter {
  if (stated.default === undefined) return { ...parameter, optional: true };
  throw new BadParameter('is optional, which takes no "default"');
}

function withDefault(parameter: WorkflowParameter, value: Json | undefined): WorkflowParameter {
  if (value === undefined) throw new BadParameter('needs a "default" or "random: true"');
  const checked = checkValue(parameter, value);
  if ("problem" in checked) throw new BadParameter(`has a default that ${checked.problem}`);
  return { ...parameter, default: checked.value };
}

/** Tells what is wrong with a parameter, without its name. */
class BadParameter extends Error {}
