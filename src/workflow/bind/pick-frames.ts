import { TaskError } from "../../domain/errors.js";
import type { Json } from "../../domain/task.js";
import { filmFrames, LINING_UP_CLASS, PICKING_CLASS } from "../film-frames.js";
import { upstreamOf } from "../upstream.js";
import { isLink, type Prompt, type PromptNode, type WorkflowGraph } from "../workflow.js";

/** Which frames of a piece of a film a prompt computes, in the order in which they are shown. */
export interface PickedFrames {
  /** Frames of the piece before those that the network is given; at most 4,095. */
  readonly skip: number;
  /** Frames that the network is given before and after those of the result; with these at most {@link MAX_PICKED_FRAMES}. */
  readonly before: number;
  readonly count: number;
  readonly after: number;
  /** Of those before, the last so many are in the result too, behind all others. @default none */
  readonly lead?: number;
  /** All frames of the piece. @default not known: those that are not wanted may be there */
  readonly pieceCount?: number;
  /**
   * Frames a second that the result's file has, for all chunks of a film the same: the encoder writes it into the
   * decoder's configuration. @default as the server reads it out of the piece
   */
  readonly fps?: number;
}

/** Of ImageFromBatch. */
export const MAX_PICKED_FRAMES = 4096;

/**
 * The prompt of a chunk: the graph's own, which gives the network only the frames that are picked, and of what it makes
 * only those between the context to the result. It has no sound, and no nodes that the result does not need. Nothing
 * is picked where all there is would be.
 *
 * @param prompt of the graph
 * @throws TaskError WORKFLOW_INVALID if the graph does not tell where its frames are
 */
export function pickFrames(prompt: Prompt, graph: WorkflowGraph, picked: PickedFrames): Prompt {
  const frames = filmFrames(graph);
  if (frames === undefined)
    throw new TaskError("WORKFLOW_INVALID", "The workflow does not tell where its frames are");
  const { skip, before, count, after, lead = 0, pieceCount, fps } = picked;
  const given = before + count + after;
  let chosen = prompt;
  // The last pick first: the two nodes may be one.
  if (given > count) chosen = pickBehind(chosen, frames.made, before, count, lead);
  if (skip > 0 || given !== pieceCount) chosen = pickBehind(chosen, frames.decoded, skip, given);
  chosen = mapValues(chosen, (node) => withoutSound(fps === undefined ? node : atRate(node, fps)));
  return neededFor(chosen, graph.resultNode);
}

/**
 * Whatever takes a node's frames gets `length` of them, from `start` on, and behind these the `lead` frames from before
 * them: in front of them they could not be cut off again, since an encoder codes by them all that follows.
 */
function pickBehind(
  prompt: Prompt,
  nodeId: string,
  start: number,
  length: number,
  lead = 0,
): Prompt {
  const image = [nodeId, 0];
  const pickId = freeId(prompt, `${nodeId}_picked`);
  const pick = (from: number, count: number): PromptNode => ({
    class_type: PICKING_CLASS,
    inputs: { image, batch_index: from, length: count },
  });
  const picks = { [pickId]: pick(start, length) };
  if (lead === 0) return insertBehind(prompt, nodeId, pickId, picks);
  const leadId = freeId(prompt, `${nodeId}_lead`);
  const allId = freeId(prompt, `${nodeId}_with_lead`);
  const inputs = { image1: [pickId, 0], image2: [leadId, 0] };
  return insertBehind(prompt, nodeId, allId, {
    ...{ ...picks, [leadId]: pick(start - lead, lead) },
    [allId]: { class_type: LINING_UP_CLASS, inputs },
  });
}

/** Adds nodes, of which whatever takes a node's frames gets those of `newId`. */
function insertBehind(prompt: Prompt, nodeId: string, newId: string, nodes: Prompt): Prompt {
  const relink = (value: Json): Json =>
    isLink(value) && value[0] === nodeId && value[1] === 0 ? [newId, 0] : value;
  const relinked = mapValues(prompt, (node) => ({
    ...node,
    inputs: mapValues(node.inputs, relink),
  }));
  return { ...relinked, ...nodes };
}

function freeId(prompt: Prompt, wanted: string): string {
  return Object.hasOwn(prompt, wanted) ? freeId(prompt, `${wanted}_`) : wanted;
}

/** Sound does not survive ComfyUI, and a chunk's would have gaps. */
function withoutSound(node: PromptNode): PromptNode {
  if (!FILM_MAKERS.has(node.class_type)) return node;
  const { audio: _, ...inputs } = node.inputs;
  return { ...node, inputs };
}

function atRate(node: PromptNode, fps: number): PromptNode {
  if (node.class_type !== "CreateVideo") return node;
  const bounded = Math.min(MAX_FPS, Math.max(MIN_FPS, Math.round(fps * 1000) / 1000));
  return { ...node, inputs: { ...node.inputs, fps: bounded } };
}

/** Of CreateVideo. */
const MIN_FPS = 1;
const MAX_FPS = 120;

/** The classes that make a film of frames, whose `audio` may be left out. */
const FILM_MAKERS = new Set(["CreateVideo", "VHS_VideoCombine"]);

/** Sound that is saved apart and previews would cost time, or fail without sound. */
function neededFor(prompt: Prompt, resultNode: string): Prompt {
  const needed = upstreamOf(prompt, resultNode);
  return Object.fromEntries(Object.entries(prompt).filter(([id]) => needed.has(id)));
}

function mapValues<Value>(
  record: { readonly [key: string]: Value },
  change: (value: Value) => Value,
): { readonly [key: string]: Value } {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}
