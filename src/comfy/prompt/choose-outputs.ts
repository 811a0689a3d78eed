/**
 * Which files of a prompt are its result. ComfyUI 0.3.64 names pictures and films alike `images`;
 * VideoHelperSuite says `gifs` for any format; previews are of type `temp`, loaded files `input`.
 * The order of nodes and keys in an answer means nothing.
 */
import type { OutputFile } from "../../domain/task.js";
import type { NodeOutputs } from "./prompt-end.js";

/**
 * The files that a prompt saved, the result first: those of the result node, or of all nodes where
 * none is named. Empty if there are none.
 */
export function chooseOutputs(outputs: NodeOutputs, resultNode?: string): readonly OutputFile[] {
  const nodeIds = resultNode === undefined ? Object.keys(outputs).sort(byNumber) : [resultNode];
  const nodes = nodeIds.map((id) => (Object.hasOwn(outputs, id) ? outputs[id] : undefined) ?? {});
  const others = nodes.flatMap((node) => Object.keys(node)).filter((key) => !KEYS.includes(key));
  return [...KEYS, ...new Set(others.sort())]
    .flatMap((key) => nodes.flatMap((node) => node[key] ?? []))
    .filter(({ type }) => type === "output");
}

// The most processed first: a node that makes a film may show single pictures of it as well.
const KEYS: readonly string[] = ["gifs", "videos", "images", "audio"];

function byNumber(a: string, b: string): number {
  return a.localeCompare(b, "en", { numeric: true });
}
