import { ownValue } from "../json.js";
import { isLink, type NodeClasses } from "../nodes/node-class.js";
import type { Prompt } from "./prompt-queue.js";

/**
 * The order in which a prompt's nodes run. As in ComfyUI, dependencies run first. Among the ready
 * nodes, output nodes go first, then nodes that an output waits for. Cached nodes do not run, and
 * nobody waits for them.
 */
export class NodeOrder {
  readonly #prompt: Prompt;
  readonly #nodes: NodeClasses;
  readonly #pending = new Set<string>();

  constructor(
    prompt: Prompt,
    nodes: NodeClasses,
    outputNodes: readonly string[],
    isCached: (nodeId: string) => boolean,
  ) {
    this.#prompt = prompt;
    this.#nodes = nodes;
    const open = [...outputNodes];
    for (let id = open.pop(); id !== undefined; id = open.pop()) {
      if (this.#pending.has(id)) continue;
      this.#pending.add(id);
      open.push(...this.#sources(id).filter((source) => !isCached(source)));
    }
  }

  /** The next node. Undefined when all have run. */
  next(): string | undefined {
    const ready = [...this.#pending].filter((id) =>
      this.#sources(id).every((source) => !this.#pending.has(source)),
    );
    return (
      ready.find((id) => this.#isOutput(id)) ??
      ready.find((id) => this.#waiting(id).some((waiting) => this.#isOutput(waiting))) ??
      ready[0]
    );
  }

  done(nodeId: string): void {
    this.#pending.delete(nodeId);
  }

  #sources(nodeId: string): string[] {
    const inputs = ownValue(this.#prompt, nodeId)?.inputs ?? {};
    return Object.values(inputs).flatMap((value) => (isLink(value) ? [value[0]] : []));
  }

  #waiting(nodeId: string): string[] {
    return [...this.#pending].filter((id) => this.#sources(id).includes(nodeId));
  }

  #isOutput(nodeId: string): boolean {
    const classType = ownValue(this.#prompt, nodeId)?.class_type ?? "";
    return this.#nodes.get(classType)?.isOutputNode ?? false;
  }
}
