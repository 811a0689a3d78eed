/** Why a {@link Deadline} aborted its signal. */
export class LimitExceeded extends Error {
  readonly limitMs: number;

  constructor(limitMs: number) {
    super(`Limit of ${limitMs} ms exceeded`);
    this.limitMs = limitMs;
  }
}

/**
 * A signal that aborts with an outer one, or with {@link LimitExceeded} once `limitMs` have passed
 * since it was made or last touched. Disposing removes timer and listener.
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

  /** Something moved: the limit starts anew. */
  touch(): void {
    this.#timer.refresh();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#outer.removeEventListener("abort", this.#follow);
  }

  readonly #follow = (): void => this.#controller.abort(this.#outer.reason);
}
