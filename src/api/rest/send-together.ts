/** More of them keep clients waiting that could go on. */
const MAX_COUNT = 16;

/**
 * Has answers sent one right after the other, up to sixteen: one that is sent while its client sleeps has to wake it,
 * which takes longer than to send it. So an answer that is made in the turn of the event loop in which its request
 * came waits until all that came in that turn are heard. While requests come alone, none waits.
 */
export class SendTogether {
  #turn = 0;
  #heardCount = 0;
  /** In the turn before that had any. */
  #heardBefore = 0;
  #held: (() => void)[] = [];
  #end: NodeJS.Immediate | undefined;

  /** To be called with each request. @returns the turn of the event loop. */
  hear(): number {
    // Unreferenced, it does not keep the event loop from sleeping.
    if (this.#heardCount === 0) this.#end = setImmediate(this.#endTurn).unref();
    this.#heardCount += 1;
    return this.#turn;
  }

  /** @returns when the answer may be sent; undefined: at once. @param heardIn the turn of its request */
  turnOf(heardIn: number): Promise<void> | undefined {
    if (heardIn !== this.#turn || this.#heardBefore <= 1) return undefined;
    this.#end?.ref();
    return new Promise((resolve) => {
      if (this.#held.push(resolve) === MAX_COUNT) this.#release();
    });
  }

  readonly #endTurn = (): void => {
    this.#turn += 1;
    this.#heardBefore = this.#heardCount;
    this.#heardCount = 0;
    this.#release();
  };

  #release(): void {
    const held = this.#held;
    this.#held = [];
    for (const send of held) send();
  }
}
