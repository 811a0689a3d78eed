import type { InputSpec, NodeInfo } from "../comfy/node-info.js";
import type { Json } from "../domain/task.js";

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
