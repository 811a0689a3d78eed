import { upstreamOf } from "./upstream.js";
import { type FilmFrames, isLink, type Prompt, type WorkflowGraph } from "./workflow.js";

/** The node class, ComfyUI's own, that a server needs beside a graph's to run chunks of films... */
export const PICKING_CLASS = "ImageFromBatch";
/** ...and the one that it needs too where the frames of neighbours are mixed. */
export const LINING_UP_CLASS = "ImageBatch";
/** All of them. */
export const CHUNK_CLASSES: readonly string[] = [PICKING_CLASS, LINING_UP_CLASS];

/**
 * Where a graph has a film's frames: as its sidecar states, or as it shows where one node takes a film apart and one
 * puts the result together. Undefined: the graph does not tell, and its films run as one prompt.
 */
export function filmFrames({ frames, prompt, resultNode }: WorkflowGraph): FilmFrames | undefined {
  return frames ?? shownFrames(prompt, resultNode);
}

function shownFrames(prompt: Prompt, resultNode: string): FilmFrames | undefined {
  const [decoded, otherDecoded] = nodesOf(prompt, "GetVideoComponents");
  const [created, otherCreated] = nodesOf(prompt, "CreateVideo");
  if (decoded === undefined || created === undefined) return undefined;
  if (otherDecoded !== undefined || otherCreated !== undefined) return undefined;
  if (!upstreamOf(prompt, resultNode).has(created)) return undefined;
  const images = prompt[created]?.inputs["images"];
  if (!isLink(images) || images[1] !== 0 || !upstreamOf(prompt, images[0]).has(decoded))
    return undefined;
  return { decoded, made: images[0] };
}

function nodesOf(prompt: Prompt, classType: string): readonly string[] {
  return Object.keys(prompt).filter((id) => prompt[id]?.class_type === classType);
}
