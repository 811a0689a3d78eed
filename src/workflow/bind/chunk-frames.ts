import type { ServerMemory } from "../../domain/task.js";
import { filmFrames } from "../film-frames.js";
import type { ParameterValues } from "../resolve-parameters.js";
import type { FilmFrames, FrameCopies, WorkflowGraph } from "../workflow.js";
import { numberOf } from "./edge-bounds.js";
import { MAX_PICKED_FRAMES } from "./pick-frames.js";
import { promisedSize } from "./promised-size.js";

/** What decides over the length of a film's chunks. */
export interface ChunkRoom {
  readonly graph: WorkflowGraph;
  /** Of the task, resolved. */
  readonly values: ParameterValues;
  /** Of the film's frames, in pixels. */
  readonly width: number;
  readonly height: number;
  /** Of the server. @default 16 GiB */
  readonly memory?: ServerMemory;
  /** At most so many frames. @default as many as can be picked, 4,096 */
  readonly maxFrames?: number;
}

/**
 * How many frames one prompt may be given, those of the context included: as many as fit into half of the server's
 * memory, and as suit the network. Never fewer than one beside the context, however little memory there is.
 */
export function chunkFrames(room: ChunkRoom): number {
  const frames = filmFrames(room.graph) ?? NO_FRAMES;
  const { before, after } = frames.context ?? NO_CONTEXT;
  const most = Math.min(
    MAX_PICKED_FRAMES,
    room.maxFrames ?? MAX_PICKED_FRAMES,
    framesInMemory(room, frames),
  );
  return Math.max(suitedBelow(frames, most), suitedAbove(frames, before + 1 + after));
}

/** ComfyUI keeps frames as three 32-bit numbers a pixel in the machine's memory; networks take them to the device. */
function framesInMemory(room: ChunkRoom, frames: FilmFrames): number {
  const { width, height, memory = UNKNOWN_MEMORY } = room;
  const { decoded, made: madeCopies } = frames.copies ?? UNKNOWN_COPIES;
  if (decoded + madeCopies === 0) return Number.POSITIVE_INFINITY;
  // Frames that are lined up anew are copied.
  const made = madeCopies + (frames.overlap === undefined ? 0 : 1);
  const decodedBytes = BYTES_PER_PIXEL * width * height;
  const frameBytes = decoded * decodedBytes + made * decodedBytes * growth(room, frames);
  const { deviceBytes, machineBytes = deviceBytes } = memory;
  return USABLE_RATIO * Math.min(machineBytes / frameBytes, deviceBytes / decodedBytes);
}

/** How many times as many pixels frames have where they are largest. */
function growth({ graph, values, width, height }: ChunkRoom, { scale }: FilmFrames): number {
  const factor = typeof scale === "string" ? numberOf(graph, scale, values) : scale;
  if (factor !== undefined) return factor ** 2;
  const input = { mediaType: "video/mp4", sizeBytes: 0, width, height };
  const size = promisedSize(graph, input, values);
  return size === undefined ? UNKNOWN_SCALE ** 2 : (size.width * size.height) / (width * height);
}

function suitedBelow({ multiple = 1, plus = 0 }: FilmFrames, count: number): number {
  return multiple * Math.floor((count - plus) / multiple) + plus;
}

function suitedAbove({ multiple = 1, plus = 0 }: FilmFrames, count: number): number {
  return multiple * Math.max(0, Math.ceil((count - plus) / multiple)) + plus;
}

const BYTES_PER_PIXEL = 12;
/** The rest is for networks that wait in the machine's memory, and for all that nobody counts. */
const USABLE_RATIO = 0.5;
const GIB = 2 ** 30;
const UNKNOWN_MEMORY: ServerMemory = { deviceBytes: 16 * GIB };

/** Where a graph states nothing: a network that makes four times the width and height, as the largest do. */
const UNKNOWN_SCALE = 4;
const UNKNOWN_COPIES: FrameCopies = { decoded: 2, made: 2 };

const NO_CONTEXT = { before: 0, after: 0 };
const NO_FRAMES: FilmFrames = { decoded: "", made: "" };
