/** Ends a wait early. If it rings while nobody waits, the next wait ends at once. */
export class Alarm {
  #isRinging = false;
  readonly #waiting = new Set<() => void>();

  ring(): void {
    this.#isRinging = this.#waiting.size === 0;
    for (const wake of this.#waiting) wake();
  }

  /** Waits for a ring, at most `limitMs`. Throws the signal's reason once it is aborted. */
  async wait(limitMs: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (!this.#isRinging) await this.#ringOr(limitMs, signal);
    this.#isRinging = false;
    signal.throwIfAborted();
  }

  #ringOr(limitMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", wake);
        this.#waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, limitMs);
      signal.addEventListener("abort", wake, { once: true });
      this.#waiting.add(wake);
    });
  }
}
