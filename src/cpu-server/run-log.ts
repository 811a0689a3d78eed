import { openSync, writeSync } from "node:fs";
import { defined } from "../lib/defined.js";
import { isJsonObject, ownValue } from "./json.js";
import type { QueuedPrompt } from "./prompts/prompt-queue.js";

/**
 * A step of a prompt. `interrupted` is the interrupt request that had an effect. `ended` tells the
 * outcome.
 */
export type RunEvent = "submitted" | "started" | "ended" | "interrupted" | "deleted";

/** How a prompt ended. */
export type Outcome = "success" | "error" | "interrupted";

/** One line of the log. */
export interface RunLogEntry {
  readonly event: RunEvent;
  readonly promptId: string;
  /**
   * The task's id from the client's `extra_data` (`tmlsr.task` or `task_id`). Null if there is
   * none.
   */
  readonly taskId: string | null;
  /** Unix time in milliseconds. */
  readonly at: number;
  /** Only for `ended`. */
  readonly outcome?: Outcome;
  /** How often a model was loaded since the server started. */
  readonly modelLoads: number;
}

/**
 * Logs executions. A line is written before each step of a prompt takes effect, so that a `kill -9`
 * loses no line: the operating system has it already. A power cut may lose lines.
 */
export class RunLog {
  readonly #file: number | undefined;
  readonly #modelLoads: () => number;

  /** @param path the file to append to; left out: no log. */
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
