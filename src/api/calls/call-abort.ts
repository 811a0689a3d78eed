/** Why the signal of a call that is over is aborted. One for all calls: an error is dear to make. */
export const CALL_ENDED = new Error("The call has ended");

/**
 * Aborts a call, like an AbortController. Its signal is made when somebody asks for it, which is seldom: a
 * signal with its event takes longer than many a call.
 */
export class CallAbort {
  #controller: AbortController | undefined;
  #abortion: { readonly reason: unknown } | undefined;
  #listener: ((reason: unknown) => void) | undefined;

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#abortion) this.#controller.abort(this.#abortion.reason);
    return this.#controller.signal;
  }

  /** Only the first abortion counts. */
  abort(reason: unknown): void {
    if (this.#abortion) return;
    this.#abortion = { reason };
    this.#controller?.abort(reason);
    this.#listener?.(reason);
  }

  /** Calls `listener`, the only one, when the call is aborted; at once, if it was. Undefined: nobody listens. */
  onAbort(listener: ((reason: unknown) => void) | undefined): void {
    this.#listener = listener;
    if (this.#abortion) listener?.(this.#abortion.reason);
  }
}
