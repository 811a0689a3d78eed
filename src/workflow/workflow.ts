import type { Json, TaskType } from "../domain/task.js";

/** A node of a prompt. An input is a literal, or a link `[nodeId, outputSlot]`. */
export interface PromptNode {
  readonly class_type: string;
  readonly inputs: { readonly [name: string]: Json };
  readonly _meta?: { readonly title?: string };
}

/** Whether an input's value is a link `[nodeId, outputSlot]`. */
export function isLink(value: Json | undefined): value is readonly [string, number] {
  return (
    Array.isArray(value) &&
    value.length === 2 &&
    typeof value[0] === "string" &&
    typeof value[1] === "number"
  );
}

/** ComfyUI's API format: what `POST /prompt` takes, nodes by their ids. */
export type Prompt = { readonly [nodeId: string]: PromptNode };

/** Values for inputs, by node id and input name. */
export type NodeInputs = { readonly [nodeId: string]: { readonly [input: string]: Json } };

/** The type of a parameter's value. */
export type ParameterType = "integer" | "number" | "string" | "boolean";

/** A value of a workflow that a client may set. */
export interface WorkflowParameter {
  readonly name: string;
  readonly type: ParameterType;
  readonly description: string;
  /** The value where none is given; absent: chosen at random between `minimum` and `maximum`, unless `optional`. */
  readonly default?: Json;
  /** Where none is given there is no value, and each graph keeps its own. */
  readonly optional?: true;
  readonly minimum?: number;
  readonly maximum?: number;
  /** The only values; absent: any. */
  readonly options?: readonly Json[];
  /**
   * The node and the input that it sets. Absent if it sets several (`choices`), or none directly
   * (`fit`).
   */
  readonly node?: string;
  readonly input?: string;
  /** What its options set, each beside that input. */
  readonly choices?: { readonly [option: string]: NodeInputs };
}

/** A model file that a server must have: the literal `value` of an input that loads it. */
export interface ModelNeed {
  readonly node: string;
  readonly input: string;
  readonly classType: string;
  readonly value: string;
  /** The folder it belongs into, below ComfyUI's `models`; absent: not known. */
  readonly folder?: string;
  /**
   * Files that do the same, the best first, by the value of the input that stands for them: the file
   * of the graph itself, or a name that a parameter gives. The first that a server has is used there.
   */
  readonly files?: { readonly [value: string]: readonly string[] };
}

/**
 * A node that scales pictures to a width and a height which only the input's own size decides; both
 * are even, as video encoders want them. Where nothing is left to scale the node is left out.
 */
export interface Fit {
  /** The node, with the inputs `width`, `height` and `image`. */
  readonly node: string;
  /** Name of the parameter that the shortest edge is brought to, in pixels; absent: pictures are only made smaller. */
  readonly shortestEdge?: string;
  /** Name of the parameter that limits the longest edge, in pixels, 0 for no limit; absent: there is none. */
  readonly longestEdge?: string;
  /** How many times larger than the input the picture is that comes to the node. */
  readonly scale: number;
  /** Edges are rounded up to a multiple of this; absent: to the nearest even number. */
  readonly multiple?: number;
  /** The frames of a turned film come to the node as they are shown; absent: as they are stored. */
  readonly upright?: true;
  /**
   * The node whose `largest_size` decides over the size of a film that is turned by 90 or 270 degrees: it scales a
   * frame to as many pixels as there will be pairs of them, or parts of `multiple`, and the graph makes the size of
   * that, however the frames lie. Absent: the size is computed here, for frames as `upright` says.
   */
  readonly turned?: string;
}

/**
 * The size that a graph promises of its result: the input's, times `scale`, then brought between the
 * edges like a {@link Fit}.
 */
export interface ResultSize {
  /** A number, or the name of the parameter that has it. */
  readonly scale: number | string;
  readonly shortestEdge?: string;
  readonly longestEdge?: string;
}

/** What a graph does with a film's frames, for whoever cuts films. */
export interface FilmFrames {
  /** The nodes whose first outputs are the film's frames as decoded, and those of the result. */
  readonly decoded: string;
  readonly made: string;
  /** The network works on `multiple * n + plus` frames; any other number costs padding. Absent: on any number. */
  readonly multiple?: number;
  readonly plus?: number;
  /** How many frames the network is to see before and after those of a chunk; absent: none. */
  readonly context?: FrameContext;
  /** How chunks are put together; absent: `trim`. */
  readonly join?: FilmJoin;
  /**
   * For `crossfade`: so many frames before a border are made by both chunks, and the first one's fade into the second
   * one's. They are of the context before. Absent: none.
   */
  readonly overlap?: number;
  /** How many times a chunk's frames are in the server's memory at the peak, as decoded and as made; absent: not known. */
  readonly copies?: FrameCopies;
  /** How many times as wide and high as decoded the frames are where they are largest; absent: as `size` promises. */
  readonly scale?: number | string;
}

/** Numbers of frames. */
export interface FrameContext {
  readonly before: number;
  readonly after: number;
}

/** Numbers of copies; 0 where frames are computed one by one. */
export interface FrameCopies {
  readonly decoded: number;
  readonly made: number;
}

/**
 * `trim`: each chunk gives its own frames and nothing of its neighbours'. `crossfade`: the frames of two chunks are mixed
 * before the border. Contents that were stored before there was an `overlap` may say so without one: they are trimmed, as
 * they always were.
 */
export type FilmJoin = "trim" | "crossfade";

/** A graph, with what it needs and where things go in it. */
export interface WorkflowGraph {
  readonly prompt: Prompt;
  /** The node that takes the input, and its field that names the file. */
  readonly inputNode: string;
  readonly inputField: string;
  /** The node whose files are the result. */
  readonly resultNode: string;
  readonly parameters: readonly WorkflowParameter[];
  readonly models: readonly ModelNeed[];
  /** How much of the run's time each node takes, by node id, in any unit; absent: unknown. */
  readonly weights?: { readonly [nodeId: string]: number };
  /** What to change for the retry after a GPU ran out of memory; absent means no such retry. */
  readonly lowMemory?: NodeInputs;
  readonly fit?: Fit;
  /** The node that joins the input's alpha to its picture, left out where the input has none. */
  readonly alpha?: string;
  readonly frames?: FilmFrames;
  /** Absent: nothing is promised. */
  readonly size?: ResultSize;
}

/** One of several graphs that do a workflow's work on servers of different kinds. */
export interface WorkflowVariant {
  readonly name: string;
  /** Absent: the graph that is the workflow's own. */
  readonly graph?: WorkflowGraph;
}

/** A file of the workflows directory, with what its sidecar says or what was read out of the graph. */
export interface Workflow extends WorkflowGraph {
  /** The file's name without `.json`. */
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** What it takes and gives. */
  readonly type: TaskType;
  /** SHA-256 of its content, all variants included, 64 hexadecimal digits: the same content has the same version everywhere. */
  readonly version: string;
  /** The node classes that its graphs use, sorted, each once. */
  readonly nodeClasses: readonly string[];
  /** Its graphs: the first that a server can run is the one there. Absent: its own alone. */
  readonly variants?: readonly WorkflowVariant[];
  /** Which of title, type, input, result, parameters and models no sidecar states. */
  readonly inferred: readonly string[];
  /** Old names that clients may use for the workflow; each stands for one workflow per type. */
  readonly aliases: readonly string[];
}
