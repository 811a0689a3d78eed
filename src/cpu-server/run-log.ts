import { openSync, writeSync } from "node:fs";
import { defined } from "../lib/defined.js";
import { isJsonObject, ownValue } from "./json.js";
import type { QueuedPrompt } from "./prompts/prompt-queue.js";

/** What happened to a prompt. `interrupted` is the request that hit it; `ended` tells what came of it. */
export type RunEvent = "submitted" | "started" | "ended" | "interrupted" | "deleted";

/** How a prompt ended. */
export type Outcome = "success" | "error" | "interrupted";

/** One line of the log. */
export interface RunLogEntry {
  readonly event: RunEvent;
  readonly promptId: string;
  /** What the client named in `extra_data`, as `tmlsr.task` or `task_id`; null if nothing. */
  readonly taskId: string | null;
  /** Unix time in milliseconds. */
  readonly at: number;
  /** Of `ended` only. */
  readonly outcome?: Outcome;
  /** How often a model was loaded since the server started. */
  readonly modelLoads: number;
}

/**
 * Counts executions: one line before each step of a prompt takes effect, so that a `kill -9` loses
 * none of them (they are with the operating system; a power cut is not covered).
 */
export class RunLog {
  readonly #file: number | undefined;
  readonly #modelLoads: () => number;

  /** @param path where the lines are appended; left out: nowhere. */
  constructor(path: string | undefined, modelLoads: () => number) {
    this.#file = path === undefined ? undefined : openSync(path, "a");
    this.#modelLoads = modelLoads;
  }

  /** Appends one line. */
  write(event: RunEvent, item: QueuedPrompt, outcome?: Outcome): void {
    if (this.#file === undefined) return;
    const entry: RunLogEntry = {
      event,
      promptId: item.promptId,
      taskId: taskId(item),
      at: Date.now(),
      ...defined({ outcome }),
      modelLoads: this.#modelLoads(),
    };
    writeSync(this.#file, `${JSON.stringify(entry)}\n`);
  }
}

function taskId({ extraData }: QueuedPrompt): string | null {
  const mark = ownValue(extraData, "tmlsr");
  const id = isJsonObject(mark) ? mark["task"] : ownValue(extraData, "task_id");
  return typeof id === "string" ? id : null;
}
