import { filmFrames } from "../film-frames.js";
import { comboOptions, inputSpec, type NodeClasses } from "../node-info.js";
import { upstreamOf } from "../upstream.js";
import type { Prompt, PromptNode, WorkflowGraph } from "../workflow.js";

/** How finely a film's colours are told apart. */
export interface FilmDepth {
  /** Bits for a colour. */
  readonly bitDepth: number;
  /** The transfer function by its number in ISO/IEC 23091-2; 16 (PQ) and 18 (HLG) are high dynamic ranges. */
  readonly transfer?: number;
}

/** ComfyUI's names of the high dynamic ranges, by transfer function. */
const RANGES: ReadonlyMap<number | undefined, string> = new Map([
  [16, "HDR PQ"],
  [18, "HDR"],
]);

const PLAIN_BITS = 8;
/** More is encoded by none of ComfyUI's nodes. */
const MOST_BITS = 10;

/**
 * Why a server would give back less of a film's colours than it has, as the end of a sentence about the film; undefined
 * if all of it is kept. ComfyUI keeps 10 bits and a high dynamic range since 0.35, where all nodes on the way compute with
 * more than 8 bits; of node packs that is not known.
 */
export function depthProblem(
  graph: WorkflowGraph,
  classes: NodeClasses,
  depth: FilmDepth,
): string | undefined {
  const range = RANGES.get(depth.transfer);
  if (depth.bitDepth <= PLAIN_BITS && range === undefined) return undefined;
  const what = range === undefined ? `${depth.bitDepth} bits for a colour` : "a high dynamic range";
  if (depth.bitDepth > MOST_BITS) return `it has ${what}, of which ${MOST_BITS} would be kept`;
  const nodes = nodesOnTheWay(graph.prompt, graph);
  const shallow = nodes.find(({ class_type }) => !DEEP_CLASSES.has(class_type));
  if (nodes.length === 0) return `it has ${what}, and the workflow does not tell if it keeps them`;
  if (shallow !== undefined)
    return `it has ${what}, which node class "${shallow.class_type}" is not known to keep`;
  const isTold =
    offers(classes, "bit_depth", MOST_BITS) &&
    (range === undefined || offers(classes, "color_space", range));
  return isTold ? undefined : `it has ${what}, which ComfyUI keeps since version 0.35 alone`;
}

/**
 * A graph's prompt for a film of that depth: it is put together with the bits that it has, and scaled by methods that
 * keep them. For a server of which {@link depthProblem} has nothing to say.
 */
export function keepDepth(prompt: Prompt, graph: WorkflowGraph, depth: FilmDepth): Prompt {
  const range = RANGES.get(depth.transfer);
  if (depth.bitDepth <= PLAIN_BITS && range === undefined) return prompt;
  const onTheWay = new Set(nodesOnTheWay(prompt, graph));
  return Object.fromEntries(
    Object.entries(prompt).map(([id, node]) => [
      id,
      onTheWay.has(node) ? deepened(node, range) : node,
    ]),
  );
}

function deepened(
  { class_type, inputs, ...rest }: PromptNode,
  range: string | undefined,
): PromptNode {
  const kept = Object.entries(inputs).map(([name, value]) => [
    name,
    SCALING_METHODS.has(name) && value === ROUGH_METHOD ? FINE_METHOD : value,
  ]);
  const made = { bit_depth: MOST_BITS, ...(range !== undefined && { color_space: range }) };
  const added = class_type === MAKING_CLASS ? made : {};
  return { ...rest, class_type, inputs: { ...Object.fromEntries(kept), ...added } };
}

/** The nodes through which the frames go, from the one that decodes to the one that saves. */
function nodesOnTheWay(prompt: Prompt, graph: WorkflowGraph): readonly PromptNode[] {
  const decoded = filmFrames(graph)?.decoded;
  if (decoded === undefined) return [];
  return [...upstreamOf(prompt, graph.resultNode)].flatMap((id) => {
    const node = prompt[id];
    return node !== undefined && upstreamOf(prompt, id).has(decoded) ? [node] : [];
  });
}

function offers(classes: NodeClasses, input: string, option: string | number): boolean {
  const info = classes.get(MAKING_CLASS);
  const spec = info && inputSpec(info, input);
  return spec !== undefined && (comboOptions(spec)?.includes(option) ?? false);
}

const MAKING_CLASS = "CreateVideo";

/** Lanczos is computed by a library for pictures of 8 bits. */
const ROUGH_METHOD = "lanczos";
const FINE_METHOD = "bicubic";
const SCALING_METHODS = new Set(["upscale_method", "scale_method"]);

/** ComfyUI's own classes, which compute with 16 bits or more. */
const DEEP_CLASSES = new Set([
  ...["GetVideoComponents", MAKING_CLASS, "SaveVideo", "GetImageSize"],
  ...["ImageFromBatch", "ImageBatch", "RepeatImageBatch"],
  ...["ImageScale", "ImageScaleBy", "ImageScaleToMaxDimension", "ResizeImageMaskNode"],
  ...[
    "ImageUpscaleWithModel",
    "VAEEncode",
    "VAEEncodeTiled",
    "VAEDecode",
    "VAEDecodeTiled",
    "KSampler",
  ],
  ...["SeedVR2Preprocess", "SeedVR2TemporalChunk", "SeedVR2Conditioning", "SeedVR2TemporalMerge"],
  ...["SeedVR2PostProcessing", "RelayVSRConditioning", "VSRDecode"],
]);
