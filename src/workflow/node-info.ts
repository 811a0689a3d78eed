import type { Json } from "../domain/task.js";

/** Options of an input, as a node's author wrote them; what is not named here is passed over. */
export interface InputOptions {
  readonly [option: string]: unknown;
}

/** `[type, options?]`; a type that is a list is a combo's choices (the older form). */
export type InputSpec = readonly [type: string | readonly Json[], options?: InputOptions];

/**
 * What a server says of a node class in `GET /object_info/{class}`. Only what is used here, and all
 * of it optional but `input`: node packs differ in what they fill in.
 */
export interface NodeInfo {
  readonly input: {
    readonly required?: { readonly [name: string]: InputSpec };
    readonly optional?: { readonly [name: string]: InputSpec };
    readonly hidden?: { readonly [name: string]: unknown };
  };
  readonly input_order?: {
    readonly required?: readonly string[];
    readonly optional?: readonly string[];
  };
  /** Types of the outputs by slot; a list is a combo's choices. */
  readonly output?: readonly (string | readonly Json[])[];
  readonly output_node?: boolean;
}

/** Node classes that a server has, by name. */
export type NodeClasses = ReadonlyMap<string, NodeInfo>;

/** What an input takes; undefined if the class has no such input. */
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

/** The choices of a combo in either form; undefined for anything else, and where the browser fetches them. */
export function comboOptions([type, options]: InputSpec): readonly Json[] | undefined {
  if (typeof type !== "string") return type;
  if (type !== "COMBO" || options?.["remote"] !== undefined) return undefined;
  const choices = options?.["options"];
  return Array.isArray(choices) ? choices : undefined;
}

/** Whether a combo lists uploaded files: what is uploaded next is not in it yet. */
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
