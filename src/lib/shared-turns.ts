import { setImmediate } from "node:timers/promises";

/** How long one walk may keep the event loop to itself. */
const TURN_MS = 2;

/** Lets many walks over many items go on side by side: one at a time, each for about 2 ms, in turn. */
export class SharedTurns {
  #turnBeganAtMs = Number.NEGATIVE_INFINITY;
  #last: Promise<void> = Promise.resolve();

  /** Resolves when the caller may take its next item: at once while a turn lasts. */
  async next(): Promise<void> {
    if (performance.now() - this.#turnBeganAtMs < TURN_MS) return;
    this.#last = this.#last.then(() => this.#begin());
    await this.#last;
  }

  async #begin(): Promise<void> {
    await setImmediate();
    this.#turnBeganAtMs = performance.now();
  }
}
