import type { Json } from "../../domain/task.js";

/** A node of a prompt. An input is a literal, or a link `[nodeId, outputSlot]`. */
export interface PromptNode {
  readonly class_type: string;
  readonly inputs: { readonly [name: string]: Json };
  readonly _meta?: { readonly title?: string };
}

/** ComfyUI's API format, which `POST /prompt` takes: nodes by their ids. */
export type Prompt = { readonly [nodeId: string]: PromptNode };
