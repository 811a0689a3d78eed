/**
 * Chooses the result among a prompt's files. ComfyUI 0.3.64 calls both pictures and videos
 * `images`. VideoHelperSuite uses `gifs` for every format. Previews have the type `temp`, loaded
 * files `input`. The order of nodes and keys in an answer has no meaning.
 */
import type { OutputFile } from "../../domain/task.js";
import type { NodeOutputs } from "./prompt-end.js";

/**
 * The files that a prompt saved, the result first. They are the files of the result node, or of all
 * nodes if no result node is named. Empty if there are none.
 */
export function chooseOutputs(outputs: NodeOutputs, resultNode?: string): readonly OutputFile[] {
  const nodeIds = resultNode === undefined ? Object.keys(outputs).sort(byNumber) : [resultNode];
  const nodes = nodeIds.map((id) => (Object.hasOwn(outputs, id) ? outputs[id] : undefined) ?? {});
  const others = nodes.flatMap((node) => Object.keys(node)).filter((key) => !KEYS.includes(key));
  return [...KEYS, ...new Set(others.sort())]
    .flatMap((key) => nodes.flatMap((node) => node[key] ?? []))
    .filter(({ type }) => type === "output");
}

// The most processed files first, because a node that makes a video may also show single pictures
// of it.
const KEYS: readonly string[] = ["gifs", "videos", "images", "audio"];

function byNumber(a: string, b: string): number {
  return a.localeCompare(b, "en", { numeric: true });
}
