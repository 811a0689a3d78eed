import type { Json } from "../../domain/task.js";

/** An input of a graph's node as the editor saves it. */
export interface GraphInput {
  readonly name: string;
  /** `*` stands for any. */
  readonly type: string;
  /** The link that ends here; absent if there is none. */
  readonly link?: string;
  /** Whether the input belongs to a widget. Without a link, the widget's value counts. */
  readonly isWidget: boolean;
}

/** A node of a graph. */
export interface GraphNode {
  readonly id: string;
  /** Its class, the id of a subgraph, or a kind that only the editor knows. */
  readonly type: string;
  /** The class's own name, if `type` is another. */
  readonly className?: string;
  readonly title?: string;
  readonly mode: number;
  readonly inputs: readonly GraphInput[];
  /** The types of its outputs, by slot. */
  readonly outputTypes: readonly string[];
  /** Values of its widgets: by position, or by name (VideoHelperSuite). */
  readonly values: readonly Json[] | { readonly [widget: string]: Json };
  /** Values by name beside those by position. These win. */
  readonly namedValues: { readonly [widget: string]: Json };
  /**
   * For a subgraph's instance: the widgets of inner nodes that it shows, in the order of its
   * values.
   */
  readonly proxyWidgets: readonly (readonly [nodeId: string, widget: string])[];
}

/** A link from an output to an input. */
export interface GraphLink {
  readonly id: string;
  readonly originId: string;
  readonly originSlot: number;
  readonly targetId: string;
  readonly targetSlot: number;
}

/** Nodes and links that see each other. */
export interface GraphBody {
  readonly nodes: ReadonlyMap<string, GraphNode>;
  readonly links: ReadonlyMap<string, GraphLink>;
}

/**
 * The content of a subgraph's instances. Its inputs and outputs are links of two nodes that do not
 * exist.
 */
export interface Subgraph extends GraphBody {
  readonly id: string;
  readonly name: string;
  /** Names of the inputs, by slot. */
  readonly inputNames: readonly string[];
}

/** ComfyUI's UI format: what the editor saves. */
export interface Graph extends GraphBody {
  readonly subgraphs: ReadonlyMap<string, Subgraph>;
}

/** The origin of links that begin at a subgraph's inputs. */
export const SUBGRAPH_INPUT_ID = "-10";
/** The target of links that end at a subgraph's outputs. */
export const SUBGRAPH_OUTPUT_ID = "-20";

/** {@link GraphNode.mode} of a node that does not run: inputs that are linked to it get nothing. */
export const MUTED = 2;
/**
 * {@link GraphNode.mode} of a node that is passed over: inputs that are linked to it get its input.
 */
export const BYPASSED = 4;

/** Whether a node takes no part in a run. */
export function isOff({ mode }: GraphNode): boolean {
  return mode === MUTED || mode === BYPASSED;
}
