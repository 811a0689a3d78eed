/** Thrown in a node when its prompt was interrupted. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
}

/**
 * ComfyUI's single interrupt flag. It does not belong to a prompt: each prompt clears it at its
 * start, and the first check resets it. So an interrupt at the wrong moment is lost.
 */
export class Interruption {
  #isRequested = false;

  request(): void {
    this.#isRequested = true;
  }

  clear(): void {
    this.#isRequested = false;
  }

  /** @throws Interrupted if an interrupt was requested. The request is then used up. */
  check(): void {
    if (!this.#isRequested) return;
    this.#isRequested = false;
    throw new Interrupted("Processing was interrupted");
  }
}
