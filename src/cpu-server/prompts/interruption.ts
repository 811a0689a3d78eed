/** Thrown out of a node when its prompt was interrupted. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
}

/**
 * ComfyUI's one interrupt flag. It is no property of a prompt: each prompt clears it when it starts,
 * and whoever checks first takes it, so an interrupt sent at the wrong moment is lost.
 */
export class Interruption {
  #isRequested = false;

  request(): void {
    this.#isRequested = true;
  }

  clear(): void {
    this.#isRequested = false;
  }

  /** @throws Interrupted if requested, once. */
  check(): void {
    if (!this.#isRequested) return;
    this.#isRequested = false;
    throw new Interrupted("Processing was interrupted");
  }
}
