import { comboOptions, inputSpec, type NodeClasses, ownValue } from "../node-info.js";
import type { ModelNeed, Prompt } from "../workflow.js";
import { setInputs } from "./set-inputs.js";

/**
 * A prompt with every model that has alternatives set to the first file that the server has. Where it
 * has none the value stays as it is, for whoever tells what is missing.
 *
 * @param classes the server's node classes; absent: the first file of each is taken
 */
export function pickModels(
  prompt: Prompt,
  models: readonly ModelNeed[],
  classes?: NodeClasses,
): Prompt {
  return models.reduce((picked, need) => {
    const files = alternatives(need, ownValue(picked, need.node)?.inputs[need.input]);
    const file = classes === undefined ? files[0] : files.find((name) => has(classes, need, name));
    if (file === undefined) return picked;
    return setInputs(picked, { [need.node]: { [need.input]: file } });
  }, prompt);
}

/** The files that a value of a model's input stands for; none where it has no alternatives. */
export function alternatives({ files }: ModelNeed, value: unknown): readonly string[] {
  return typeof value === "string" ? (ownValue(files, value) ?? []) : [];
}

function has(classes: NodeClasses, { classType, input }: ModelNeed, file: string): boolean {
  const info = classes.get(classType);
  const spec = info && inputSpec(info, input);
  return spec !== undefined && (comboOptions(spec)?.includes(file) ?? false);
}
