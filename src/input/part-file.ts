/** Where an origin's headers say that a body is to go. */
export interface PartStart {
  /** Size of the whole file in bytes, where the origin says. */
  readonly totalBytes?: number;
  /** What `If-Range` can hold: a strong ETag, else Last-Modified; absent where neither came. */
  readonly validator?: string;
}

/** A file on its way in, under a name of its own, with what it takes to go on after a cut. */
export class PartFile {
  readonly path: string;
  #sizeBytes = 0;
  #start: PartStart = {};

  constructor(path: string) {
    this.path = path;
  }

  /** What is on disk. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get totalBytes(): number | undefined {
    return this.#start.totalBytes;
  }

  get validator(): string | undefined {
    return this.#start.validator;
  }

  /** The headers that ask for the rest of what is there; none where it has to begin again. */
  get rangeHeaders(): { range?: string; "if-range"?: string } {
    if (this.validator === undefined || this.#sizeBytes === 0) return {};
    return { range: `bytes=${this.#sizeBytes}-`, "if-range": this.validator };
  }

  /** Whether the rest can be asked for. */
  get canResume(): boolean {
    return this.rangeHeaders.range !== undefined;
  }

  /** Forgets what is there: the next bytes are the file's first. */
  restart(start: PartStart = {}): void {
    this.#sizeBytes = 0;
    this.#start = start;
  }

  /** Records the size of the whole file, learned later. */
  expect(totalBytes: number): void {
    this.#start = { ...this.#start, totalBytes };
  }

  /** Counts bytes that were written. */
  grow(writtenBytes: number): void {
    this.#sizeBytes += writtenBytes;
  }
}
