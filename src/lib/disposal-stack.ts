/** An object that can be closed, synchronously or asynchronously. */
export type Closable = Disposable | AsyncDisposable;

/**
 * Remembers opened objects and closes them in reverse order. If closing one fails, the others are
 * still closed. Replaces AsyncDisposableStack, which newer Node.js versions have.
 */
export class DisposalStack implements AsyncDisposable {
  #opened: Closable[] = [];

  /** Remembers an object that has to be closed, and returns it. */
  use<T extends Closable>(opened: T): T {
    this.#opened.push(opened);
    return opened;
  }

  /** Moves everything to a new stack. This stack then closes nothing. */
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
