/** Lets a few callers begin in each turn of the event loop, in their order. */
export class FewAtOnce {
  readonly #maxCount: number;
  #count = 0;
  #waiting: (() => void)[] = [];

  /** @param maxCount how many begin in one turn. */
  constructor(maxCount: number) {
    this.#maxCount = maxCount;
  }

  /** Resolves when the caller may begin. */
  async next(): Promise<void> {
    if (this.#count >= this.#maxCount)
      return await new Promise((resolve) => this.#waiting.push(resolve));
    this.#count += 1;
    if (this.#count === 1) setImmediate(this.#turn);
  }

  readonly #turn = (): void => {
    const next = this.#waiting.splice(0, this.#maxCount);
    this.#count = next.length;
    if (next.length > 0) setImmediate(this.#turn);
    for (const begin of next) begin();
  };
}
