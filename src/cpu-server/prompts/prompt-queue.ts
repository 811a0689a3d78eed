import { EventEmitter, once } from "node:events";
import type { Json, JsonObject } from "../json.js";

/** A vertex of a prompt. */
export interface PromptNode {
  class_type: string;
  inputs: JsonObject;
  /** Written by the first run, and respected when a client sends it back. */
  is_changed?: Json;
}

/** The API-format graph by node id; validated before it gets here. */
export type Prompt = Record<string, PromptNode>;

/** A prompt in the queue: the five parts of a queue item on the wire. */
export interface QueuedPrompt {
  /** Lower runs first. */
  readonly number: number;
  readonly promptId: string;
  readonly prompt: Prompt;
  readonly extraData: JsonObject;
  readonly outputNodes: readonly string[];
}

/**
 * Prompts that wait and the one that runs. Prompt ids are not unique here, as in ComfyUI: the same id
 * twice is two runs.
 */
export class PromptQueue {
  #pending: QueuedPrompt[] = [];
  #running: QueuedPrompt | undefined;
  readonly #changes = new EventEmitter();
  readonly #onChange: () => void;

  /** @param onChange called after every change, with the queue already changed. */
  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /** The waiting prompts as ComfyUI lists them: only the first is sure to be the next. */
  get pending(): readonly QueuedPrompt[] {
    const next = this.#next();
    if (next === undefined) return [];
    return [next, ...this.#pending.filter((item) => item !== next)];
  }

  get running(): QueuedPrompt | undefined {
    return this.#running;
  }

  /** Waiting and running. */
  get remainingCount(): number {
    return this.#pending.length + (this.#running === undefined ? 0 : 1);
  }

  put(item: QueuedPrompt): void {
    this.#pending.push(item);
    this.#changed();
  }

  /** Waits for a prompt, makes it the running one and answers a copy that its run may change. */
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

  /** Ends the running prompt: `record` writes it down in the same step, so that no reader sees a gap. */
  done(record: (item: QueuedPrompt) => void): void {
    const item = this.#running;
    this.#running = undefined;
    if (item !== undefined) record(item);
    this.#changed();
  }

  /** Removes the first waiting prompt of that id. */
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
