import { EventEmitter, once } from "node:events";
import type { Json, JsonObject } from "../json.js";

/** A node of a prompt. */
export interface PromptNode {
  class_type: string;
  inputs: JsonObject;
  /** Set by the first run. It has an effect if a client sends it back. */
  is_changed?: Json;
}

/** The graph in API format by node id, already validated. */
export type Prompt = Record<string, PromptNode>;

/** A prompt in the queue, with the five parts of a queue item as it is sent. */
export interface QueuedPrompt {
  /** The lowest number runs first. */
  readonly number: number;
  readonly promptId: string;
  readonly prompt: Prompt;
  readonly extraData: JsonObject;
  readonly outputNodes: readonly string[];
}

/**
 * The waiting prompts and the running one. As in ComfyUI, prompt ids are not unique: the same id
 * twice means two runs.
 */
export class PromptQueue {
  #pending: QueuedPrompt[] = [];
  #running: QueuedPrompt | undefined;
  readonly #changes = new EventEmitter();
  readonly #onChange: () => void;

  /** @param onChange called after every change of the queue. */
  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /** The waiting prompts in ComfyUI's order. Only the first is sure to be the next. */
  get pending(): readonly QueuedPrompt[] {
    const next = this.#next();
    if (next === undefined) return [];
    return [next, ...this.#pending.filter((item) => item !== next)];
  }

  get running(): QueuedPrompt | undefined {
    return this.#running;
  }

  /** The number of waiting and running prompts. */
  get remainingCount(): number {
    return this.#pending.length + (this.#running === undefined ? 0 : 1);
  }

  put(item: QueuedPrompt): void {
    this.#pending.push(item);
    this.#changed();
  }

  /** Waits for a prompt and makes it the running one. @returns a copy that the run may change. */
  async take(): Promise<QueuedPrompt> {
    for (;;) {
      const next = this.#next();
      if (next !== undefined) {
        this.#pending = this.#pending.filter((item) => item !== next);
        this.#running = next;
        this.#changed();
        return structuredClone(next);
      }
      await once(this.#changes, "change");
    }
  }

  /**
   * Ends the running prompt. `record` stores the result in the same step, so that a client always
   * finds the prompt in the queue or in the history.
   */
  done(record: (item: QueuedPrompt) => void): void {
    const item = this.#running;
    this.#running = undefined;
    if (item !== undefined) record(item);
    this.#changed();
  }

  /** Removes the first waiting prompt with that id. */
  delete(promptId: string): QueuedPrompt | undefined {
    const found = this.#pending.find((item) => item.promptId === promptId);
    if (found === undefined) return undefined;
    this.#pending = this.#pending.filter((item) => item !== found);
    this.#changed();
    return found;
  }

  /** Removes every waiting prompt. */
  clear(): readonly QueuedPrompt[] {
    const removed = this.#pending;
    this.#pending = [];
    this.#changed();
    return removed;
  }

  #next(): QueuedPrompt | undefined {
    return this.#pending.reduce<QueuedPrompt | undefined>(
      (least, item) => (least === undefined || item.number < least.number ? item : least),
      undefined,
    );
  }

  #changed(): void {
    this.#onChange();
    this.#changes.emit("change");
  }
}
