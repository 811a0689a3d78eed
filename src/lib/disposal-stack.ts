/** What can be closed, now or in a while. */
export type Closable = Disposable | AsyncDisposable;

/** Remembers what was opened and closes it in reverse, each even if another failed; what AsyncDisposableStack will be in newer Node.js. */
export class DisposalStack implements AsyncDisposable {
  #opened: Closable[] = [];

  /** Remembers what is to be closed, and gives it back. */
  use<T extends Closable>(opened: T): T {
    this.#opened.push(opened);
    return opened;
  }

  /** Hands everything over to a new stack; this one then closes nothing. */
  move(): DisposalStack {
    const moved = new DisposalStack();
    moved.#opened = this.#opened;
    this.#opened = [];
    return moved;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const errors: unknown[] = [];
    for (let last = this.#opened.pop(); last !== undefined; last = this.#opened.pop()) {
      try {
        if (Symbol.asyncDispose in last) await last[Symbol.asyncDispose]();
        else last[Symbol.dispose]();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw new AggregateError(errors, "Cannot close everything");
  }
}
