/** The reason with which a {@link Deadline} aborts its signal. */
export class LimitExceeded extends Error {
  readonly limitMs: number;

  constructor(limitMs: number) {
    super(`Limit of ${limitMs} ms exceeded`);
    this.limitMs = limitMs;
  }
}

/**
 * A signal with a time limit. It aborts when the outer signal aborts, or with {@link LimitExceeded}
 * when `limitMs` have passed since it was made or last touched. Disposing removes the timer and the
 * listener.
 */
export class Deadline implements Disposable {
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal;
  readonly #timer: NodeJS.Timeout;

  constructor(outer: AbortSignal, limitMs: number) {
    this.#outer = outer;
    this.#timer = setTimeout(() => this.#controller.abort(new LimitExceeded(limitMs)), limitMs);
    if (outer.aborted) this.#follow();
    else outer.addEventListener("abort", this.#follow, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Starts the limit anew; called on every sign of progress. */
  touch(): void {
    this.#timer.refresh();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#outer.removeEventListener("abort", this.#follow);
  }

  readonly #follow = (): void => this.#controller.abort(this.#outer.reason);
}
