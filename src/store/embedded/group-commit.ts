import type { EmbeddedDriver } from "./driver.js";

/** A write that waits for its group. */
interface Waiting {
  /** @returns what to do once it is on disk */
  readonly run: () => () => void;
  readonly reject: (reason: unknown) => void;
}

/** How many writes share a transaction at most: the process does nothing else meanwhile. */
const MAX_GROUP = 256;

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
  /** The last group was a single write, and was written in a former turn of the event loop. */
  #isAlone = false;

  constructor(driver: EmbeddedDriver) {
    this.#driver = driver;
  }

  /**
   * Runs `work` in the next group, in the order of the calls.
   *
   * @param committed called once it is on disk, before anybody is answered
   */
  write<T>(work: () => T, committed: () => void): Promise<T> {
    return new Promise((resolve, reject) => {
      const run = (): (() => void) => {
        const result = work();
        return () => {
          committed();
          resolve(result);
        };
      };
      this.#waiting.push({ run, reject });
      this.#schedule();
    });
  }

  /** Writes what waits, at once. */
  flush(): void {
    while (this.#waiting.length > 0) this.#commit(this.#waiting.splice(0, MAX_GROUP));
  }

  /** After all requests that have arrived were heard: they are the group. While writes come alone, none waits for that. */
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    if (this.#isAlone) void Promise.resolve().then(this.#commitNext);
    else setImmediate(this.#commitNext);
  }

  readonly #commitNext = (): void => {
    this.#isScheduled = false;
    const group = this.#waiting.splice(0, MAX_GROUP);
    this.#isAlone = false;
    // Unreferenced, it does not keep the event loop from sleeping.
    if (group.length === 1) setImmediate(this.#noteAlone).unref();
    this.#commit(group);
    if (this.#waiting.length > 0) this.#schedule();
  };

  readonly #noteAlone = (): void => {
    this.#isAlone = true;
  };

  #commit(group: Waiting[]): void {
    if (group.length === 0) return;
    let answers: readonly (() => void)[];
    try {
      answers = this.#driver.transaction(() => this.#runAll(group));
    } catch (error) {
      for (const { reject } of group) reject(error);
      return;
    }
    for (const answer of answers) answer();
  }

  /** One that is alone is undone with the transaction. */
  #runAll(group: readonly Waiting[]): readonly (() => void)[] {
    const [only, ...others] = group;
    if (only !== undefined && others.length === 0) return [only.run()];
    return group.map(({ run, reject }) => {
      const outcome = this.#driver.undoable(run);
      return "result" in outcome ? outcome.result : () => reject(outcome.error);
    });
  }
}
