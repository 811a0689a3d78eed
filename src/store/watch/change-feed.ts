import type { TaskChange } from "../task-reading.js";

type Listener = (change: TaskChange) => void;

/**
 * Tells every subscriber of every change, in the order in which the changes were published, also
 * when a listener causes further changes. When one listener throws, the others are told all the
 * same.
 */
export class ChangeFeed {
  // Keyed by the subscription: the same function may be subscribed twice.
  readonly #listeners = new Map<symbol, Listener>();
  readonly #queue: TaskChange[] = [];
  readonly #onListenerError: (error: unknown) => void;
  #isDraining = false;

  constructor(onListenerError: (error: unknown) => void) {
    this.#onListenerError = onListenerError;
  }

  /** @returns a function that ends the subscription. */
  subscribe(listener: Listener): () => void {
    const key = Symbol();
    this.#listeners.set(key, listener);
    return () => this.#listeners.delete(key);
  }

  publish(changes: readonly TaskChange[]): void {
    this.#queue.push(...changes);
    if (this.#isDraining) return;
    this.#isDraining = true;
    for (let change = this.#queue.shift(); change; change = this.#queue.shift()) this.#tell(change);
    this.#isDraining = false;
  }

  #tell(change: TaskChange): void {
    for (const listener of [...this.#listeners.values()]) {
      try {
        listener(change);
      } catch (error) {
        this.#onListenerError(error);
      }
    }
  }
}
