import type { Json, JsonObject } from "../json.js";
import type { QueuedPrompt } from "./prompt-queue.js";

/** The record that ComfyUI keeps of an ended prompt, as it is sent. */
export interface HistoryEntry {
  readonly prompt: readonly [number, string, unknown, JsonObject, readonly string[]];
  readonly outputs: JsonObject;
  readonly status: {
    readonly status_str: "success" | "error";
    readonly completed: boolean;
    readonly messages: readonly (readonly [string, JsonObject])[];
  };
  readonly meta: JsonObject;
}

/** Ended prompts by id, the oldest first. They are only in memory, and the oldest are dropped. */
export class History {
  readonly #entries = new Map<string, HistoryEntry>();

  add(promptId: string, entry: HistoryEntry): void {
    if (this.#entries.size > MAX_ENTRY_COUNT) {
      for (const oldest of this.#entries.keys()) {
        this.#entries.delete(oldest);
        break;
      }
    }
    this.#entries.set(promptId, entry);
  }

  get(promptId: string): HistoryEntry | undefined {
    return this.#entries.get(promptId);
  }

  /** Entries from `offset` on. A negative offset with a count means the newest entries. */
  list(maxCount: number | undefined, offset: number): Record<string, HistoryEntry> {
    const all = [...this.#entries];
    const start = offset < 0 && maxCount !== undefined ? all.length - maxCount : offset;
    const from = Math.max(0, start);
    return Object.fromEntries(
      all.slice(from, maxCount === undefined ? undefined : from + maxCount),
    );
  }

  delete(promptId: string): void {
    this.#entries.delete(promptId);
  }

  clear(): void {
    this.#entries.clear();
  }
}

/** The prompt as queue and history list it: number, id, prompt, extra data, outputs. */
export function queueTuple(item: QueuedPrompt): HistoryEntry["prompt"] {
  return [item.number, item.promptId, item.prompt, item.extraData, item.outputNodes];
}

/** The same without the keys that ComfyUI never keeps. */
export function historyTuple(item: QueuedPrompt): HistoryEntry["prompt"] {
  const kept = Object.entries(item.extraData).filter(([key]: [string, Json]) => !SECRETS.has(key));
  return queueTuple({ ...item, extraData: Object.fromEntries(kept) });
}

const MAX_ENTRY_COUNT = 10_000;
const SECRETS = new Set(["auth_token_comfy_org", "api_key_comfy_org"]);
