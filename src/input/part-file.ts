import { OpeningFile } from "../lib/opening-file.js";

/** What an origin's headers say about the file of a body. */
export interface PartStart {
  /** Size of the whole file in bytes, if the origin states it. */
  readonly totalBytes?: number;
  /**
   * The value for `If-Range`: a strong ETag, otherwise Last-Modified. Absent if the origin sent
   * neither.
   */
  readonly validator?: string;
}

/**
 * A file that is being received, under a temporary name, with the data to resume after an
 * interruption.
 */
export class PartFile {
  readonly path: string;
  #sizeBytes = 0;
  #start: PartStart = {};

  constructor(path: string) {
    this.path = path;
  }

  /** The number of bytes on disk. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get totalBytes(): number | undefined {
    return this.#start.totalBytes;
  }

  get validator(): string | undefined {
    return this.#start.validator;
  }

  /**
   * The request headers that ask for the rest of the file. Empty if the download has to begin
   * again.
   */
  get rangeHeaders(): { range?: string; "if-range"?: string } {
    if (this.validator === undefined || this.#sizeBytes === 0) return {};
    return { range: `bytes=${this.#sizeBytes}-`, "if-range": this.validator };
  }

  /** Whether the rest of the file can be requested. */
  get canResume(): boolean {
    return this.rangeHeaders.range !== undefined;
  }

  /** Forgets the received bytes: the next bytes are the first of the file. */
  restart(start: PartStart = {}): void {
    this.#sizeBytes = 0;
    this.#start = start;
  }

  /** Records the size of the whole file when it becomes known later. */
  expect(totalBytes: number): void {
    this.#start = { ...this.#start, totalBytes };
  }

  /** Begins to open it, empty or to go on with it. */
  open(): OpeningFile {
    return new OpeningFile(this.path, this.#sizeBytes === 0);
  }

  /** Counts written bytes. */
  grow(writtenBytes: number): void {
    this.#sizeBytes += writtenBytes;
  }
}
