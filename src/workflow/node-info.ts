import type { InputSpec, NodeInfo } from "../comfy/node-info.js";
import type { Json } from "../domain/task.js";

/** Node classes that a server has, by name. */
export type NodeClasses = ReadonlyMap<string, NodeInfo>;

/** The specification of an input; undefined if the class has no such input. */
export function inputSpec(info: NodeInfo, name: string): InputSpec | undefined {
  return ownValue(info.input.required, name) ?? ownValue(info.input.optional, name);
}

/** An object's own value under a key that came from outside (`constructor` is no input). */
export function ownValue<T>(
  record: { readonly [key: string]: T } | undefined,
  key: string,
): T | undefined {
  return record !== undefined && Object.hasOwn(record, key) ? record[key] : undefined;
}

/**
 * The choices of a combo. They stand as its type, among its options, or each with inputs of its
 * own. Undefined for any other input, and if the browser fetches the choices.
 */
export function comboOptions(spec: InputSpec): readonly Json[] | undefined {
  const [type, options] = spec;
  if (typeof type !== "string") return type;
  if (isDynamicCombo(spec)) return dynamicOptions(spec).map(({ key }) => key);
  if (type !== "COMBO" || options?.["remote"] !== undefined) return undefined;
  const choices = options?.["options"];
  return Array.isArray(choices) ? choices : undefined;
}

/** A choice of a dynamic combo, with the inputs it brings along. */
export interface DynamicOption {
  readonly key: string;
  readonly inputs?: NodeInfo["input"];
}

/** Whether an input is a combo whose choice brings inputs of its own. */
export function isDynamicCombo([type]: InputSpec): boolean {
  return type === "COMFY_DYNAMICCOMBO_V3";
}

/** The choices of a dynamic combo. */
export function dynamicOptions(spec: InputSpec): readonly DynamicOption[] {
  const choices = spec[1]?.["options"];
  return isDynamicCombo(spec) && Array.isArray(choices) ? choices : [];
}

/** Whether a combo lists uploaded files. The next uploaded file is not in the list yet. */
export function isFedByUpload([, options]: InputSpec): boolean {
  return UPLOAD_FLAGS.some((flag) => options?.[flag] !== undefined && options[flag] !== false);
}

const UPLOAD_FLAGS = [
  "image_upload",
  "video_upload",
  "audio_upload",
  "animated_image_upload",
  "file_upload",
];
