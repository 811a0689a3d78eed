import type { Json, JsonObject } from "../json.js";

/** `[type, options]`; a list of choices instead of a type is the older form of a combo. */
export type InputSpec = [type: string | string[], options: JsonObject];

/** A class's inputs in their order. */
export interface NodeInputs {
  readonly required: Readonly<Record<string, InputSpec>>;
  readonly optional?: Readonly<Record<string, InputSpec>>;
  readonly hidden?: Readonly<Record<string, string>>;
}

/** What a node has while it runs. */
interface NodeContext {
  readonly nodeId: string;
  readonly promptId: string;
  /**
   * Tells how far the node has come, and lets an interrupt in. A node whose frames are made while they
   * are read tells it then, while another node runs.
   *
   * @throws Interrupted
   */
  readonly progress: (value: number, max: number) => void;
}

/** What a node made: a value for each output, and what it shows to clients. */
export interface NodeResult {
  readonly values: readonly unknown[];
  readonly ui?: JsonObject;
  /** Whether the node's work is done while its values are read, and not before. */
  readonly isPending?: boolean;
}

/** One of the server's node classes, under ComfyUI's own name and with its inputs. */
export interface NodeClass {
  readonly name: string;
  readonly displayName: string;
  readonly category: string;
  readonly description?: string;
  /** The Python module it lives in; all but `nodes` describe themselves in the newer (V3) form. */
  readonly module: string;
  /** Types. */
  readonly outputs: readonly string[];
  /** Where they are other than the types. */
  readonly outputNames?: readonly string[];
  readonly isOutputNode: boolean;
  /** Read anew for each question, since a combo may list files. */
  readonly inputs: () => Promise<NodeInputs>;
  /** Checks literals itself; the combo lists are then not consulted. @returns what is wrong, by input. */
  readonly validate?: (inputs: JsonObject) => Promise<Readonly<Record<string, string>>>;
  /** What the cache key holds beyond the inputs, such as a file's hash. */
  readonly fingerprint?: (inputs: JsonObject) => Promise<Json>;
  readonly execute: (inputs: ResolvedInputs, context: NodeContext) => Promise<NodeResult>;
}

/** Literals and the values of linked nodes, by input. */
export type ResolvedInputs = Readonly<Record<string, unknown>>;

/** The server's classes by name. */
export type NodeClasses = ReadonlyMap<string, NodeClass>;

/** `[node id, output slot]`, where an input is linked. */
export type Link = readonly [nodeId: string, slot: number];

/** Whether an input's value is a link, as ComfyUI's executor sees it. */
export function isLink(value: unknown): value is Link {
  return (
    Array.isArray(value) &&
    value.length === 2 &&
    typeof value[0] === "string" &&
    typeof value[1] === "number"
  );
}
