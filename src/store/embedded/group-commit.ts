import type { EmbeddedDriver } from "./driver.js";

/** A write that waits for its group. */
interface Waiting {
  readonly work: () => unknown;
  readonly committed: () => void;
  readonly resolve: (result: unknown) => void;
  readonly reject: (reason: unknown) => void;
}

/** How many writes share a transaction at most: the process does nothing else meanwhile. */
const MAX_GROUP = 256;
/** After so many writes that came alone it is looked whether others come in the same turn of the event loop: to look costs. */
const LOOK_EVERY = 8;

/**
 * Writes that arrive together share one transaction, and with it one fsync, which is most of what a write
 * costs. Each is as atomic as alone: one that throws is undone and leaves the others. All are answered
 * after the fsync; when that fails, nothing of the group was written and all are told so. A write that is
 * alone waits for nobody.
 */
export class GroupCommit {
  readonly #driver: EmbeddedDriver;
  #waiting: Waiting[] = [];
  #isScheduled = false;
  /** Writes came alone, as far as it was looked. */
  #isAlone = false;
  /** How many writes were written alone since the last that were not. */
  #aloneCount = 0;

  constructor(driver: EmbeddedDriver) {
    this.#driver = driver;
  }

  /**
   * Runs `work` in the next group, in the order of the calls.
   *
   * @param committed called once it is on disk, before anybody is answered
   */
  write<T>(work: () => T, committed: () => void): Promise<T> {
    return new Promise<unknown>((resolve, reject) => {
      this.#waiting.push({ work, committed, resolve, reject });
      this.#schedule();
    }) as Promise<T>;
  }

  /** Writes what waits, at once. */
  flush(): void {
    while (this.#waiting.length > 0) this.#commit(this.#waiting.splice(0, MAX_GROUP));
  }

  /** After all requests that have arrived were heard: they are the group. While writes come alone, none waits for that. */
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    if (this.#isAlone) queueMicrotask(this.#commitNext);
    else setImmediate(this.#commitNext);
  }

  readonly #commitNext = (): void => {
    this.#isScheduled = false;
    const [first, ...others] = this.#waiting;
    if (first !== undefined && others.length === 0) {
      this.#waiting = [];
      this.#noteAlone();
      this.#commitAlone(first);
    } else {
      this.#noteTogether();
      this.#commit(this.#waiting.splice(0, MAX_GROUP));
    }
    if (this.#waiting.length > 0) this.#schedule();
  };

  #noteAlone(): void {
    this.#aloneCount += 1;
    const count = this.#aloneCount;
    if (count % LOOK_EVERY !== 0) return;
    const look = (): void => {
      if (this.#aloneCount === count) this.#isAlone = true;
      else this.#noteTogether();
    };
    // Unreferenced, it does not keep the event loop from sleeping.
    setImmediate(look).unref();
  }

  #noteTogether(): void {
    this.#isAlone = false;
    this.#aloneCount = 0;
  }

  #commitAlone({ work, committed, resolve, reject }: Waiting): void {
    let result: unknown;
    try {
      result = this.#driver.transaction(work);
    } catch (error) {
      reject(error);
      return;
    }
    committed();
    resolve(result);
  }

  #commit(group: readonly Waiting[]): void {
    if (group.length === 0) return;
    let answers: readonly (() => void)[];
    try {
      answers = this.#driver.transaction(() => group.map((one) => this.#answerOf(one)));
    } catch (error) {
      for (const { reject } of group) reject(error);
      return;
    }
    for (const answer of answers) answer();
  }

  /** Runs a write of a group. @returns what to do once the group is on disk */
  #answerOf({ work, committed, resolve, reject }: Waiting): () => void {
    const outcome = this.#driver.undoable(work);
    if ("error" in outcome) return () => reject(outcome.error);
    return () => {
      committed();
      resolve(outcome.result);
    };
  }
}
