import type { PromptEvent } from "../events/comfy-event.js";
import { failureOf, nodeOutputs, type PromptEnd } from "./prompt-end.js";

/**
 * Finds out from events alone how a prompt ended. It replaces a history entry that never appears,
 * e.g. because another client cleared the history.
 */
export class EndByEvents {
  readonly #outputs: Record<string, unknown> = {};

  /**
   * @returns the end, if this event tells it. A success counts only if its outputs were heard too.
   */
  take(event: PromptEvent): PromptEnd | undefined {
    switch (event.type) {
      case "executed":
        this.#outputs[event.nodeId] = event.output;
        return undefined;
      case "execution_success": {
        const outputs = nodeOutputs(this.#outputs);
        return Object.keys(outputs).length > 0 ? { kind: "success", outputs } : undefined;
      }
      case "execution_error":
        return { kind: "failed", error: failureOf(event.data) };
      case "execution_interrupted":
        return { kind: "interrupted" };
      case "execution_start":
      case "execution_cached":
      case "progress_state":
      case "progress":
      case "executing":
        return undefined;
    }
  }
}
