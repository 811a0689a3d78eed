/** How long something was busy in all. */
export class BusyTime {
  readonly #nowMs: () => number;
  #beforeMs = 0;
  #sinceMs: number | undefined;

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** In milliseconds, up to now. */
  get totalMs(): number {
    return this.#beforeMs + (this.#sinceMs === undefined ? 0 : this.#nowMs() - this.#sinceMs);
  }

  /** Tells whether it is busy from now on. */
  set(isBusy: boolean): void {
    this.#beforeMs = this.totalMs;
    this.#sinceMs = isBusy ? this.#nowMs() : undefined;
  }
}
