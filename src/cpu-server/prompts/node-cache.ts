import { isJsonObject, type Json, type JsonObject, ownValue } from "../json.js";
import { isBoundToRun } from "../nodes/frames.js";
import { isLink, type NodeClasses } from "../nodes/node-class.js";
import type { Prompt, PromptNode } from "./prompt-queue.js";

/** The data that a node showed, with the ids it had when it ran. */
export interface CachedUi {
  readonly output: JsonObject;
  readonly meta: JsonObject;
}

/**
 * Outputs of the previous prompt's nodes. Their key is the class, the inputs, and the same of all
 * ancestors. Node ids do not matter, but unknown extra inputs do. (This is ComfyUI's default
 * cache.)
 */
export class NodeCache {
  readonly #nodes: NodeClasses;
  readonly #values = new Map<string, readonly unknown[]>();
  readonly #uis = new Map<string, CachedUi>();
  #signatures = new Map<string, string>();
  #uncachedCount = 0;

  constructor(nodes: NodeClasses) {
    this.#nodes = nodes;
  }

  /**
   * Begins the next prompt: forgets all outputs that it does not use. Sets `is_changed` on nodes.
   */
  async begin(prompt: Prompt): Promise<void> {
    for (const node of Object.values(prompt)) await this.#fingerprint(node);
    this.#signatures = new Map(Object.keys(prompt).map((id) => [id, this.#signature(prompt, id)]));
    const used = new Set(this.#signatures.values());
    for (const [signature, values] of this.#values) {
      if (!used.has(signature) || values.some(isBoundToRun)) this.#values.delete(signature);
    }
    for (const signature of this.#uis.keys()) {
      if (!used.has(signature)) this.#uis.delete(signature);
    }
  }

  values(nodeId: string): readonly unknown[] | undefined {
    return this.#values.get(this.#signatures.get(nodeId) ?? "");
  }

  setValues(nodeId: string, values: readonly unknown[]): void {
    this.#values.set(this.#signatures.get(nodeId) ?? "", values);
  }

  ui(nodeId: string): CachedUi | undefined {
    return this.#uis.get(this.#signatures.get(nodeId) ?? "");
  }

  setUi(nodeId: string, ui: CachedUi): void {
    this.#uis.set(this.#signatures.get(nodeId) ?? "", ui);
  }

  clear(): void {
    this.#values.clear();
    this.#uis.clear();
  }

  async #fingerprint(node: PromptNode): Promise<void> {
    const fingerprint = this.#nodes.get(node.class_type)?.fingerprint;
    if (fingerprint === undefined || node.is_changed !== undefined) return;
    try {
      node.is_changed = [await fingerprint(node.inputs)];
    } catch {
      // An input that cannot be read now never equals an earlier one. Running the node then shows
      // the error.
      node.is_changed = this.#never();
    }
  }

  #signature(prompt: Prompt, nodeId: string): string {
    const ancestors = new Map<string, number>();
    collectAncestors(prompt, nodeId, ancestors);
    return JSON.stringify(
      [nodeId, ...ancestors.keys()].map((id) =>
        this.#ownSignature(ownValue(prompt, id), ancestors),
      ),
    );
  }

  #ownSignature(node: PromptNode | undefined, ancestors: ReadonlyMap<string, number>): Json {
    if (node === undefined) return this.#never();
    const hasFingerprint = this.#nodes.get(node.class_type)?.fingerprint !== undefined;
    const inputs = sortedInputs(node).map(([name, value]): Json => {
      if (!isLink(value)) return [name, value];
      return [name, ["ANCESTOR", ancestors.get(value[0]) ?? null, value[1]]];
    });
    return [node.class_type, hasFingerprint ? (node.is_changed ?? null) : false, inputs];
  }

  #never(): string {
    this.#uncachedCount += 1;
    return `never ${this.#uncachedCount}`;
  }
}

/** The ancestors in an order that depends only on the inputs' names, and the place of each. */
function collectAncestors(prompt: Prompt, nodeId: string, found: Map<string, number>): void {
  const node = ownValue(prompt, nodeId);
  if (node === undefined) return;
  for (const [, value] of sortedInputs(node)) {
    if (!isLink(value) || found.has(value[0])) continue;
    found.set(value[0], found.size);
    collectAncestors(prompt, value[0], found);
  }
}

function sortedInputs(node: PromptNode): [string, Json][] {
  // Nodes that no output needs were not validated, so their inputs may be missing.
  const inputs: unknown = node.inputs;
  if (!isJsonObject(inputs)) return [];
  return Object.entries(inputs).sort(([a], [b]) => (a < b ? -1 : 1));
}
