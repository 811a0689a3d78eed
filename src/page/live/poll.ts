import { type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { pause } from "./pause.js";

/** The newest answer to a question that is asked again and again while the tab is looked at. */
export interface Poll<T> {
  /** Undefined before the first answer. */
  readonly value: ReadonlySignal<T | undefined>;
  /** Asks now and every `intervalMs` until the signal is aborted. A failed question is asked again. */
  run(intervalMs: number, signal: AbortSignal): Promise<void>;
}

/** Makes a poll that does not run yet. */
export function createPoll<T>(ask: (signal: AbortSignal) => Promise<T>): Poll<T> {
  const value: Signal<T | undefined> = signal(undefined);
  return {
    value,
    async run(intervalMs, stop) {
      while (!stop.aborted) {
        if (document.visibilityState === "visible" || value.peek() === undefined)
          value.value = (await answerOf(ask, stop)) ?? value.peek();
        await pause(intervalMs, stop);
      }
    },
  };
}

async function answerOf<T>(
  ask: (signal: AbortSignal) => Promise<T>,
  stop: AbortSignal,
): Promise<T | undefined> {
  try {
    return await ask(stop);
  } catch {
    // The page says by its link that the service does not answer; the last answer stays.
    return undefined;
  }
}
