/**
 * The text frames of `/ws`, `{type, data}`, as recorded from ComfyUI 0.3.64. Node packs and later
 * versions send further kinds of events. Kinds that are not listed here are ignored. Events that
 * name no prompt are ignored too, such as the `executing` that greets a client that reconnects.
 */
import { asRecord } from "../wire.js";

/** The progress of one node. */
export interface NodeProgress {
  readonly value: number;
  readonly max: number;
  readonly isFinished: boolean;
  /**
   * If a node created this node while it ran: the id of the node of the prompt that it stands for.
   */
  readonly displayNodeId: string;
}

/**
 * An event of a prompt. `executing` without a node is the last event of every prompt; its history
 * entry exists by then.
 */
export type PromptEvent =
  | { readonly type: "execution_start" | "execution_success" | "execution_interrupted" }
  | { readonly type: "execution_cached"; readonly nodeIds: readonly string[] }
  | { readonly type: "progress_state"; readonly nodes: ReadonlyMap<string, NodeProgress> }
  | {
      readonly type: "progress";
      readonly nodeId: string | undefined;
      readonly value: number;
      readonly max: number;
    }
  | { readonly type: "executing"; readonly nodeId: string | undefined }
  | { readonly type: "executed"; readonly nodeId: string; readonly output: unknown }
  | { readonly type: "execution_error"; readonly data: unknown };

/**
 * A frame: an event of one prompt, or the news that the queue's length changed, which all clients
 * get.
 */
export type ComfyEvent =
  | { readonly promptId: string; readonly event: PromptEvent }
  | { readonly promptId: undefined; readonly queueRemaining: number };

/** Reads a text frame. Undefined for a frame that is not used here. */
export function parseEvent(text: string): ComfyEvent | undefined {
  const { type, data } = asRecord(parseJson(text));
  const fields = asRecord(data);
  if (type === "status") return statusOf(fields);
  const promptId = fields["prompt_id"];
  if (typeof type !== "string" || typeof promptId !== "string") return undefined;
  const event = promptEvent(type, fields);
  return event && { promptId, event };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function statusOf(data: Fields): ComfyEvent | undefined {
  const remaining = asRecord(asRecord(data["status"])["exec_info"])["queue_remaining"];
  return typeof remaining === "number"
    ? { promptId: undefined, queueRemaining: remaining }
    : undefined;
}

type Fields = Readonly<Record<string, unknown>>;

function promptEvent(type: string, data: Fields): PromptEvent | undefined {
  switch (type) {
    case "execution_start":
    case "execution_success":
    case "execution_interrupted":
      return { type };
    case "execution_cached":
      return { type, nodeIds: nodeIds(data["nodes"]) };
    case "progress_state":
      return { type, nodes: nodesOf(data["nodes"]) };
    case "progress":
      return {
        type,
        nodeId: text(data["node"]),
        value: number(data["value"]),
        max: number(data["max"]),
      };
    case "executing":
      return { type, nodeId: text(data["display_node"]) ?? text(data["node"]) };
    case "executed":
      return executedOf(data);
    case "execution_error":
      // Sent for a branch that was blocked. The rest of the prompt continues.
      return data["exception_type"] === "ExecutionBlocked" ? undefined : { type, data };
    default:
      return undefined;
  }
}

function executedOf(data: Fields): PromptEvent | undefined {
  const nodeId = text(data["node"]);
  return nodeId === undefined ? undefined : { type: "executed", nodeId, output: data["output"] };
}

function nodesOf(value: unknown): ReadonlyMap<string, NodeProgress> {
  return new Map(
    Object.entries(asRecord(value)).map(([id, node]) => {
      const fields = asRecord(node);
      const progress = {
        value: number(fields["value"]),
        max: number(fields["max"]),
        isFinished: fields["state"] === "finished",
        displayNodeId: text(fields["display_node_id"]) ?? id,
      };
      return [id, progress];
    }),
  );
}

function nodeIds(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((id) => typeof id === "string") : [];
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function number(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) ? value : 0;
}
