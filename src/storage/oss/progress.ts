/** Time between two reports. */
const INTERVAL_MS = 250;

/**
 * Adds up the sent bytes of all parts of an upload and reports the sum from time to time. The
 * reported number never falls.
 */
export class OssProgress {
  readonly #onProgress: (storedBytes: number) => void;
  readonly #sentBytes = new Map<number, number>();
  #totalBytes = 0;
  #reportedBytes = 0;
  #reportedAtMs = Number.NEGATIVE_INFINITY;

  constructor(onProgress: (storedBytes: number) => void = () => {}) {
    this.#onProgress = onProgress;
  }

  /** Sets how much of a part is sent. The number falls if the part is sent again. */
  set(partNumber: number, sentBytes: number): void {
    this.#totalBytes += sentBytes - (this.#sentBytes.get(partNumber) ?? 0);
    this.#sentBytes.set(partNumber, sentBytes);
    if (performance.now() - this.#reportedAtMs >= INTERVAL_MS) this.#report();
  }

  /** Starts again with nothing sent. */
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
