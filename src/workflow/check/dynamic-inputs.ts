import { type InputSpec, type NodeInfo, nodeInfo } from "../../comfy/node-info.js";
import type { Json } from "../../domain/task.js";
import { dynamicOptions, inputSpec, isDynamicCombo, ownValue } from "../node-info.js";
import type { PromptNode } from "../workflow.js";

type Specs = { readonly [name: string]: InputSpec };

/**
 * A class with the inputs that the choices of a node's dynamic combos bring along, choices within
 * choices too, under the names by which prompts set them: `format.codec`.
 */
export function withChosenInputs(info: NodeInfo, inputs: PromptNode["inputs"]): NodeInfo {
  const { required, optional } = info.input;
  const chosen = chosenInputs({ ...required, ...optional }, inputs);
  return {
    ...info,
    input: {
      ...info.input,
      required: { ...required, ...chosen.required },
      optional: { ...optional, ...chosen.optional },
    },
  };
}

/** What a choice brings along for a node, its dynamic combos opened; none where nothing known is chosen. */
function chosenInputs(
  specs: Specs,
  inputs: PromptNode["inputs"],
): { required: Specs; optional: Specs } {
  const found = { required: {}, optional: {} };
  for (const [name, spec] of Object.entries(specs)) {
    const option = chosenOption(spec, ownValue(inputs, name));
    const input = nodeInfo({ input: option?.inputs })?.input;
    if (input === undefined) continue;
    const own = { required: below(name, input.required), optional: below(name, input.optional) };
    const inner = chosenInputs({ ...own.required, ...own.optional }, inputs);
    Object.assign(found.required, own.required, inner.required);
    Object.assign(found.optional, own.optional, inner.optional);
  }
  return found;
}

/**
 * The dynamic combo of whose other choices an input would be, of a class {@link withChosenInputs}.
 * Undefined where that cannot be told: below a plain combo newer servers may have such inputs, and
 * older ones pass over them.
 */
export function comboWithout(
  info: NodeInfo,
  inputs: PromptNode["inputs"],
  name: string,
): string | undefined {
  const parts = name.split(".");
  const owner = parts
    .map((_, count) => parts.slice(0, -1 - count).join("."))
    .find((prefix) => inputSpec(info, prefix) !== undefined);
  const spec = owner === undefined ? undefined : inputSpec(info, owner);
  if (owner === undefined || spec === undefined) return undefined;
  return chosenOption(spec, ownValue(inputs, owner)) === undefined ? undefined : owner;
}

function chosenOption(spec: InputSpec, choice: Json | undefined) {
  if (!isDynamicCombo(spec)) return undefined;
  return dynamicOptions(spec).find(({ key }) => key === choice);
}

function below(name: string, specs: Specs = {}): Specs {
  return Object.fromEntries(Object.entries(specs).map(([sub, spec]) => [`${name}.${sub}`, spec]));
}
