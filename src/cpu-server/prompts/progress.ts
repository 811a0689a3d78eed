import type { JsonObject } from "../json.js";

interface NodeProgress {
  value: number;
  max: number;
  state: "running" | "finished";
}

/** The progress of one prompt's nodes. Every change is sent as the whole map. */
export class Progress {
  readonly #promptId: string;
  readonly #send: (progressState: JsonObject) => void;
  readonly #nodes = new Map<string, NodeProgress>();

  /** @param send gets the data of a `progress_state` event. */
  constructor(promptId: string, send: (progressState: JsonObject) => void) {
    this.#promptId = promptId;
    this.#send = send;
  }

  start(nodeId: string): void {
    this.#set(nodeId, { value: 0, max: 1, state: "running" });
  }

  update(nodeId: string, value: number, max: number): void {
    this.#set(nodeId, { value, max, state: "running" });
  }

  finish(nodeId: string): void {
    const max = this.#nodes.get(nodeId)?.max ?? 1;
    this.#set(nodeId, { value: max, max, state: "finished" });
  }

  /** Marks all running nodes as finished. */
  finishAll(): void {
    for (const [id, { state }] of [...this.#nodes]) if (state === "running") this.finish(id);
  }

  #set(nodeId: string, progress: NodeProgress): void {
    // The newest node is last in the map, because clients take the last running node for the active
    // one.
    this.#nodes.delete(nodeId);
    this.#nodes.set(nodeId, progress);
    const nodes = [...this.#nodes].map(([id, state]) => [id, this.#describe(id, state)]);
    this.#send({ prompt_id: this.#promptId, nodes: Object.fromEntries(nodes) as JsonObject });
  }

  #describe(nodeId: string, { value, max, state }: NodeProgress): JsonObject {
    return {
      value,
      max,
      state,
      node_id: nodeId,
      prompt_id: this.#promptId,
      display_node_id: nodeId,
      parent_node_id: null,
      real_node_id: nodeId,
    };
  }
}
