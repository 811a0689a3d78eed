import type { Json, JsonObject } from "../json.js";

/** `[type, options]`. A list of choices instead of a type is the older form of a combo. */
export type InputSpec = [type: string | string[], options: JsonObject];

/** The inputs of a class in their order. */
export interface NodeInputs {
  readonly required: Readonly<Record<string, InputSpec>>;
  readonly optional?: Readonly<Record<string, InputSpec>>;
  readonly hidden?: Readonly<Record<string, string>>;
}

/** The objects that a running node can use. */
interface NodeContext {
  readonly nodeId: string;
  readonly promptId: string;
  /**
   * Reports the progress of the node and checks for interrupts. If the node's frames are made only
   * when they are read, the progress is reported then, while another node runs.
   *
   * @throws Interrupted
   */
  readonly progress: (value: number, max: number) => void;
}

/** A node's result: a value for each output, and the data that clients see. */
export interface NodeResult {
  readonly values: readonly unknown[];
  readonly ui?: JsonObject;
  /** Whether the node's work is done only when its values are read. */
  readonly isPending?: boolean;
}

/** One of the server's node classes, with ComfyUI's own name and inputs. */
export interface NodeClass {
  readonly name: string;
  readonly displayName: string;
  readonly category: string;
  readonly description?: string;
  /**
   * The Python module of the class. All classes except those of `nodes` describe themselves in the
   * newer (V3) form, unless `isOlderForm`.
   */
  readonly module: string;
  readonly isOlderForm?: true;
  /** The types of the outputs. */
  readonly outputs: readonly string[];
  /** The names of the outputs, if they differ from the types. */
  readonly outputNames?: readonly string[];
  readonly isOutputNode: boolean;
  /** Read again for each request, since a combo may list files. */
  readonly inputs: () => Promise<NodeInputs>;
  /** Checks literals itself. Combo lists are then not checked. @returns the problems by input. */
  readonly validate?: (inputs: JsonObject) => Promise<Readonly<Record<string, string>>>;
  /** An addition to the cache key besides the inputs, such as a file's hash. */
  readonly fingerprint?: (inputs: JsonObject) => Promise<Json>;
  readonly execute: (inputs: ResolvedInputs, context: NodeContext) => Promise<NodeResult>;
}

/** Literals and the values of linked nodes, by input. */
export type ResolvedInputs = Readonly<Record<string, unknown>>;

/** The server's classes by name. */
export type NodeClasses = ReadonlyMap<string, NodeClass>;

/** `[node id, output slot]`, the value of a linked input. */
export type Link = readonly [nodeId: string, slot: number];

/** Whether an input's value is a link, by the rule of ComfyUI's executor. */
export function isLink(value: unknown): value is Link {
  return (
    Array.isArray(value) &&
    value.length === 2 &&
    typeof value[0] === "string" &&
    typeof value[1] === "number"
  );
}
