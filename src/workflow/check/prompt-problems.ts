import type { InputSpec, NodeInfo } from "../../comfy/node-info.js";
import type { Json } from "../../domain/task.js";
import { alternatives } from "../bind/pick-models.js";
import { namesModel } from "../infer.js";
import {
  comboOptions,
  inputSpec,
  isDynamicCombo,
  isFedByUpload,
  type NodeClasses,
  ownValue,
} from "../node-info.js";
import { isCompatible, typeText } from "../slot-types.js";
import { UPLOAD_CLASSES } from "../upload-classes.js";
import { isLink, type ModelNeed, type Prompt, type PromptNode } from "../workflow.js";
import { comboWithout, withChosenInputs } from "./dynamic-inputs.js";

/** What is known of a prompt beyond its nodes. */
export interface PromptFacts {
  /** Tells inputs whose value is set later and is not judged. */
  readonly isFilledIn: (node: string, input: string) => boolean;
  /** What is known of its model files. */
  readonly models: readonly ModelNeed[];
}

/**
 * Why a server would refuse a prompt, or accept it and fail: a sentence for each node class, input,
 * choice and link that does not fit what it says of its nodes.
 */
export function promptProblems(
  prompt: Prompt,
  classes: NodeClasses,
  { isFilledIn, models }: PromptFacts,
): readonly string[] {
  const problems = Object.entries(prompt).flatMap(([id, node]) => {
    const known = classes.get(node.class_type);
    if (known === undefined) return [`Node class "${node.class_type}" is missing`];
    const info = withChosenInputs(known, node.inputs);
    return [
      ...absentInputs(node, info),
      ...Object.entries(node.inputs).flatMap(([input, value]) => {
        if (isFilledIn(id, input)) return [];
        const model = models.find((need) => need.node === id && need.input === input);
        return inputProblems({ prompt, classes, node, info, input, value, model });
      }),
    ];
  });
  return [...new Set(problems)];
}

interface PlacedInput {
  readonly prompt: Prompt;
  readonly classes: NodeClasses;
  readonly node: PromptNode;
  readonly info: NodeInfo;
  readonly input: string;
  readonly value: Json;
  readonly model: ModelNeed | undefined;
}

/**
 * Required inputs that the prompt does not give: a server does not fill them in. A choice within a
 * choice is not demanded: newer servers take it from another input where an older one had it.
 */
function absentInputs({ class_type, inputs }: PromptNode, info: NodeInfo): readonly string[] {
  return Object.entries(info.input.required ?? {})
    .filter(([name]) => !Object.hasOwn(inputs, name))
    .filter(([name, spec]) => !isGroup(spec[0]) && !(name.includes(".") && isDynamicCombo(spec)))
    .map(([name]) => `Node class "${class_type}" requires input "${name}", which is not set`);
}

/** Whether a type stands for several inputs with names of their own: `name.part`. */
function isGroup(type: InputSpec[0]): boolean {
  return type === "COMFY_AUTOGROW_V3" || type === "COMFY_DYNAMICSLOT_V3";
}

function inputProblems(placed: PlacedInput): readonly string[] {
  const { node, info, input, value } = placed;
  const spec = inputSpec(info, input);
  if (spec === undefined) {
    if (!isKnownOtherwise(info, input))
      return [`Node class "${node.class_type}" has no input "${input}"`];
    const combo = comboWithout(info, node.inputs, input);
    if (combo === undefined) return [];
    const choice = JSON.stringify(node.inputs[combo]);
    return [
      `Input "${input}" of node class "${node.class_type}" is none of choice ${choice} of "${combo}"`,
    ];
  }
  if (isLink(value)) return linkProblems(placed, spec, value);
  return [...choiceProblems(placed, spec), ...rangeProblems(placed, spec)];
}

/**
 * Whether a class takes an input without listing it: hidden inputs, parts of a group
 * (`format.codec`), and the widgets that VideoHelperSuite adds for the chosen format.
 */
function isKnownOtherwise(info: NodeInfo, input: string): boolean {
  if (Object.hasOwn(info.input.hidden ?? {}, input)) return true;
  const [group] = input.split(".");
  if (group !== undefined && group !== input) return inputSpec(info, group) !== undefined;
  const all = [
    ...Object.values(info.input.required ?? {}),
    ...Object.values(info.input.optional ?? {}),
  ];
  return all.some(([, options]) => options?.["formats"] !== undefined);
}

function linkProblems(
  { prompt, classes, node, input }: PlacedInput,
  [wanted]: InputSpec,
  [sourceId, slot]: readonly [string, number],
): readonly string[] {
  const source = ownValue(prompt, sourceId);
  const place = `Input "${input}" of node class "${node.class_type}"`;
  if (source === undefined)
    return [`${place} is linked to node "${sourceId}", which does not exist`];
  const outputs = classes.get(source.class_type)?.output;
  if (outputs === undefined) return [];
  const given = outputs[slot];
  if (given === undefined) {
    return [
      `${place} is linked to output ${slot} of node class "${source.class_type}", which has ${outputs.length}`,
    ];
  }
  if (isCompatible(given, wanted)) return [];
  return [
    `${place} takes ${typeText(wanted)}, not ${typeText(given)} of node class "${source.class_type}"`,
  ];
}

function choiceProblems(placed: PlacedInput, spec: InputSpec): readonly string[] {
  const { node, value } = placed;
  const options = comboOptions(spec);
  if (options === undefined || isFedByUpload(spec) || UPLOAD_CLASSES.has(node.class_type))
    return [];
  const chosen = Array.isArray(value) && spec[1]?.["multiselect"] === true ? value : [value];
  return chosen.filter((one) => !options.includes(one)).map((one) => notOffered(placed, one));
}

function notOffered({ node, input, model }: PlacedInput, value: Json): string {
  const place = `input "${input}" of node class "${node.class_type}"`;
  const isModel = typeof value === "string" && (model !== undefined || namesModel(input, value));
  if (!isModel) return `Choice ${JSON.stringify(value)} is missing in ${place}`;
  const files = model === undefined ? [] : alternatives(model, value);
  const names = (files.length > 0 ? files : [value]).map((name) => `"${name}"`).join(" or ");
  const folder = model?.folder === undefined ? "" : `; it belongs into models/${model.folder}`;
  return `Model ${names} is missing in ${place}${folder}`;
}

function rangeProblems(
  { node, input, value }: PlacedInput,
  [, options]: InputSpec,
): readonly string[] {
  if (typeof value !== "number") return [];
  const place = `Input "${input}" of node class "${node.class_type}"`;
  const { min, max } = { min: options?.["min"], max: options?.["max"] };
  if (typeof min === "number" && value < min)
    return [`${place} must be at least ${min}, not ${value}`];
  if (typeof max === "number" && value > max)
    return [`${place} must be at most ${max}, not ${value}`];
  return [];
}
