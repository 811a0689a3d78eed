/**
 * The text frames of `/ws`, `{type, data}`, as recorded from ComfyUI 0.3.64. Node packs send events
 * of their own and later versions more kinds: what is not listed here is passed over, and so is what
 * names no prompt, such as the `executing` that greets a client coming back.
 */
import { asRecord } from "../wire.js";

/** How far one node is. */
export interface NodeProgress {
  readonly value: number;
  readonly max: number;
  readonly isFinished: boolean;
  /** The node of the prompt that a node made while running stands for. */
  readonly displayNodeId: string;
}

/** What happened to a prompt. `executing` without a node is the last event of every prompt, after its history is there. */
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

/** A frame: news of one prompt, or that the queue's length changed, which every client is told. */
export type ComfyEvent =
  | { readonly promptId: string; readonly event: PromptEvent }
  | { readonly promptId: undefined; readonly queueRemaining: number };

/** Reads a text frame; undefined for what is of no use here. */
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
      // Sent for a branch that was blocked while the rest goes on.
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
