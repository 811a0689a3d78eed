/** The number of a prompt, and what had told of restarts of its server by then. */
export interface NumberSeen {
  readonly number: number;
  readonly signCount: number;
}

/**
 * The numbers that a server gives to prompts. They begin at 0 with its process and grow with every
 * prompt, whoever sends it (ComfyUI 0.3.64), so that one which went back tells of a restart.
 */
export class PromptNumbers {
  #last: NumberSeen = { number: Number.NEGATIVE_INFINITY, signCount: 0 };
  #fallCount = 0;

  /** The highest number since they last began. */
  get last(): NumberSeen {
    return this.#last;
  }

  /** How many restarts they alone told of. */
  get fallCount(): number {
    return this.#fallCount;
  }

  /**
   * Takes in the number of a new prompt.
   *
   * @param before {@link last} when the prompt was sent: several may be under way.
   * @param signCount grows with every sign of a restart, those of the numbers included. A number that
   *   went back is no sign of its own where another one came before it.
   */
  note(number: number, before: NumberSeen, signCount: number): void {
    const hasFallen = number <= before.number;
    const isFirstSign = hasFallen && signCount === before.signCount;
    if (isFirstSign) this.#fallCount += 1;
    this.#last = {
      number: hasFallen ? number : Math.max(number, this.#last.number),
      signCount: isFirstSign ? signCount + 1 : signCount,
    };
  }
}
