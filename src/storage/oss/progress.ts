/** Between two reports. */
const INTERVAL_MS = 250;

/** Adds up what the parts of one upload have sent, and reports it now and then, never less than before. */
export class OssProgress {
  readonly #onProgress: (storedBytes: number) => void;
  readonly #sentBytes = new Map<number, number>();
  #totalBytes = 0;
  #reportedBytes = 0;
  #reportedAtMs = Number.NEGATIVE_INFINITY;

  constructor(onProgress: (storedBytes: number) => void = () => {}) {
    this.#onProgress = onProgress;
  }

  /** Says how much of a part is sent; less than before where it is sent anew. */
  set(partNumber: number, sentBytes: number): void {
    this.#totalBytes += sentBytes - (this.#sentBytes.get(partNumber) ?? 0);
    this.#sentBytes.set(partNumber, sentBytes);
    if (performance.now() - this.#reportedAtMs >= INTERVAL_MS) this.#report();
  }

  /** Begins again with nothing sent. */
  reset(): void {
    this.#sentBytes.clear();
    this.#totalBytes = 0;
  }

  /** Reports the end at once. */
  finish(): void {
    this.#report();
  }

  #report(): void {
    if (this.#totalBytes <= this.#reportedBytes) return;
    this.#reportedBytes = this.#totalBytes;
    this.#reportedAtMs = performance.now();
    this.#onProgress(this.#totalBytes);
  }
}
