import { setTimeout as sleep } from "node:timers/promises";

/** How often at most a sample is taken, and how long at most one serves. */
export const SAMPLE_MS = 100;

interface Sample<T> {
  readonly value: Promise<T>;
  readonly takenAtMs: number;
  /** How many changes had been told by then. */
  readonly changeCount: number;
}

/**
 * Takes a sample of what is dear to look at, one for all who ask at about the same time: whoever asks
 * gets one that was taken after the last change told, and at most 100 ms ago. However many ask and
 * however much changes, no sample is begun sooner than 100 ms after the one before, nor before that
 * one is there.
 */
export class Sampler<T> {
  readonly #take: () => Promise<T>;
  #changeCount = 0;
  #last: Sample<T> | undefined;
  #next: Promise<T> | undefined;

  /** @param take looks; what it throws, all those are told who wait for this sample. */
  constructor(take: () => Promise<T>) {
    this.#take = take;
  }

  /** Tells that there is something new to see. */
  changed(): void {
    this.#changeCount += 1;
  }

  async latest(): Promise<T> {
    const last = this.#last;
    if (last && last.changeCount === this.#changeCount && ageMs(last) < SAMPLE_MS)
      return await last.value;
    this.#next ??= this.#turn().then(() => this.#begin());
    return await this.#next;
  }

  async #turn(): Promise<void> {
    if (!this.#last) return;
    // How it failed is told to whoever asked for it.
    await this.#last.value.catch(() => undefined);
    await sleep(Math.max(0, SAMPLE_MS - ageMs(this.#last)));
  }

  #begin(): Promise<T> {
    const value = this.#take();
    this.#last = { value, takenAtMs: performance.now(), changeCount: this.#changeCount };
    this.#next = undefined;
    // Nobody is told of a failure twice.
    value.catch(() => this.changed());
    return value;
  }
}

function ageMs({ takenAtMs }: Sample<unknown>): number {
  return performance.now() - takenAtMs;
}
