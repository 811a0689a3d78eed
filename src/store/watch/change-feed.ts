import type { TaskChange } from "../task-reading.js";

type Listener<News> = (news: News) => void;

/**
 * Tells every subscriber of every change, in the order in which the changes were published, also
 * when a listener causes further changes. When one listener throws, the others are told all the
 * same.
 */
export class ChangeFeed<News extends NonNullable<unknown> = TaskChange> {
  // Keyed by the subscription: the same function may be subscribed twice.
  readonly #listeners = new Map<symbol, Listener<News>>();
  readonly #queue: News[] = [];
  readonly #onListenerError: (error: unknown) => void;
  #isDraining = false;

  constructor(onListenerError: (error: unknown) => void) {
    this.#onListenerError = onListenerError;
  }

  /** @returns a function that ends the subscription. */
  subscribe(listener: Listener<News>): () => void {
    const key = Symbol();
    this.#listeners.set(key, listener);
    return () => this.#listeners.delete(key);
  }

  publish(changes: readonly News[]): void {
    this.#queue.push(...changes);
    if (this.#isDraining) return;
    this.#isDraining = true;
    for (let change = this.#queue.shift(); change; change = this.#queue.shift()) this.#tell(change);
    this.#isDraining = false;
  }

  #tell(change: News): void {
    for (const listener of [...this.#listeners.values()]) {
      try {
        listener(change);
      } catch (error) {
        this.#onListenerError(error);
      }
    }
  }
}
