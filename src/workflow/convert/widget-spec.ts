import type { InputSpec, NodeInfo } from "../../comfy/node-info.js";
import type { Json } from "../../domain/task.js";
import { comboOptions, dynamicOptions, ownValue } from "../node-info.js";

/** An input of a class with its name. */
export type NamedSpec = readonly [name: string, spec: InputSpec];

/** A class's inputs of one section in the editor's order: `input_order`, else as the server lists them. */
export function orderedInputs(
  { input, input_order }: Pick<NodeInfo, "input" | "input_order">,
  section: "required" | "optional",
): readonly NamedSpec[] {
  const specs = input[section] ?? {};
  const listed = (input_order?.[section] ?? []).filter((name) => Object.hasOwn(specs, name));
  const others = Object.keys(specs).filter((name) => !listed.includes(name));
  return [...listed, ...others].flatMap((name): NamedSpec[] => {
    const spec = ownValue(specs, name);
    return spec === undefined ? [] : [[name, spec]];
  });
}

/** Whether the editor shows an input as a widget, so that a saved file has a value for it. */
export function isWidget(spec: InputSpec): boolean {
  return hasWidgetType(spec) && !isForced(spec);
}

/** Whether an input has a widget's type but is a socket all the same. */
export function isForcedSocket(spec: InputSpec): boolean {
  return hasWidgetType(spec) && isForced(spec);
}

/**
 * Whether the browser makes a widget's value when a graph is queued: a camera's picture, a drawing.
 */
export function isBrowserMade([type]: InputSpec): boolean {
  return typeof type === "string" && BROWSER_TYPES.has(type);
}

/**
 * The inputs that the choice of a dynamic combo brings along, under their full names; undefined if
 * there is no such choice.
 */
export function dynamicInputs(
  name: string,
  spec: InputSpec,
  choice: Json,
): readonly NamedSpec[] | undefined {
  const chosen = dynamicOptions(spec).find(({ key }) => key === choice);
  if (chosen === undefined) return undefined;
  const input = chosen.inputs ?? {};
  const all = [...orderedInputs({ input }, "required"), ...orderedInputs({ input }, "optional")];
  return all.map(([sub, subSpec]) => [`${name}.${sub}`, subSpec]);
}

/** The value of a widget before anyone has touched it; undefined if only the node itself knows. */
export function defaultValue(spec: InputSpec): Json | undefined {
  const [type, options] = spec;
  const stated = options?.["default"];
  if (stated !== undefined) return stated as Json;
  const [first] = comboOptions(spec) ?? [];
  if (first !== undefined) return first;
  const minimum = options?.["min"];
  switch (type) {
    case "STRING":
      return "";
    case "BOOLEAN":
      return false;
    case "INT":
    case "FLOAT":
      return typeof minimum === "number" && minimum > 0 ? minimum : 0;
    default:
      return undefined;
  }
}

/** Whether a saved value can be a widget's. This finds values that are out of place. */
export function fitsWidget(spec: InputSpec, value: Json): boolean {
  const [type, options] = spec;
  const kind = options?.["widgetType"] ?? type;
  if (kind === "INT" || kind === "FLOAT") return typeof value === "number";
  if (kind === "BOOLEAN") return typeof value === "boolean";
  if (kind === "STRING") return typeof value === "string";
  const choices = comboOptions(spec) ?? [];
  if (choices.length === 0 || options?.["multiselect"] === true) return true;
  return choices.some((choice) => typeof choice === typeof value);
}

/**
 * How many values after a widget's own are never sent: one for the control of what happens to a
 * seed after a run, and for a combo one more for its filter.
 */
export function controlCount([name, [type, options]]: NamedSpec): number {
  const flag = options?.["control_after_generate"];
  const isCombo = type === "COMBO" || typeof type !== "string";
  if (isCombo) return flag ? 2 : 0;
  if (type !== "INT") return 0;
  return (flag ?? SEED_NAMES.has(name)) ? 1 : 0;
}

const SEED_NAMES: ReadonlySet<string> = new Set(["seed", "noise_seed"]);

const WIDGET_TYPES: ReadonlySet<string> = new Set([
  "INT",
  "FLOAT",
  "STRING",
  "BOOLEAN",
  "COMBO",
  "MARKDOWN",
  "TEXTAREA",
  "COLOR",
  "CURVE",
  "BOUNDING_BOX",
  "COMFY_DYNAMICCOMBO_V3",
]);

const BROWSER_TYPES: ReadonlySet<string> = new Set([
  "WEBCAM",
  "AUDIO_RECORD",
  "AUDIO_UI",
  "AUDIOUPLOAD",
  "CHART",
  "GALLERIA",
  "IMAGECOMPARE",
  "IMAGEUPLOAD",
  "LOAD_3D",
  "LOAD_3D_ADVANCED",
  "PAINTER",
  "PREVIEW_3D",
]);

function hasWidgetType([type, options]: InputSpec): boolean {
  if (typeof type !== "string" || typeof options?.["widgetType"] === "string") return true;
  return WIDGET_TYPES.has(type) || BROWSER_TYPES.has(type);
}

function isForced([, options]: InputSpec): boolean {
  return options?.["forceInput"] === true || options?.["defaultInput"] === true;
}
