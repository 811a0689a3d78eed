/** Tells of new tasks while they are being written. */
export class Arrivals {
  readonly #listeners = new Map<symbol, () => void>();
  readonly #onListenerError: (error: unknown) => void;

  constructor(onListenerError: (error: unknown) => void) {
    this.#onListenerError = onListenerError;
  }

  /** @returns a function that ends the subscription. */
  subscribe(listener: () => void): () => void {
    const key = Symbol();
    this.#listeners.set(key, listener);
    return () => this.#listeners.delete(key);
  }

  /** A listener that throws is no fault of the write. */
  tell(): void {
    for (const listener of [...this.#listeners.values()]) {
      try {
        listener();
      } catch (error) {
        this.#onListenerError(error);
      }
    }
  }
}
