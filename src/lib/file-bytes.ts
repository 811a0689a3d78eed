import { type FileHandle, open } from "node:fs/promises";

const WINDOW_BYTES = 64 * 1024;
/** Smaller files are read at once. */
const SMALL_BYTES = 1024 * 1024;

/** A stretch of a file, from `start` to before `end`. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/**
 * Reads small pieces of a file of any size. It keeps one window, of 64 KiB or the whole of a small file, so that
 * pieces that follow each other cost no system call each.
 */
export class FileBytes implements AsyncDisposable {
  readonly sizeBytes: number;
  readonly #file: FileHandle;
  #window = Buffer.alloc(0);
  #windowStart = 0;

  private constructor(file: FileHandle, sizeBytes: number) {
    this.#file = file;
    this.sizeBytes = sizeBytes;
  }

  static async open(path: string): Promise<FileBytes> {
    const file = await open(path);
    return new FileBytes(file, (await file.stat()).size);
  }

  /** Up to `length` bytes. Fewer only where the file ends. The bytes are valid until the next call. */
  async read(position: number, length: number): Promise<Buffer> {
    const from = position - this.#windowStart;
    if (from >= 0 && from + length <= this.#window.length)
      return this.#window.subarray(from, from + length);
    const isSmall = this.sizeBytes <= SMALL_BYTES;
    const start = isSmall ? 0 : position;
    const window = Buffer.allocUnsafe(isSmall ? this.sizeBytes : Math.max(WINDOW_BYTES, length));
    const { bytesRead } = await this.#file.read(window, 0, window.length, start);
    this.#window = window.subarray(0, bytesRead);
    this.#windowStart = start;
    return this.#window.subarray(position - start, position - start + length);
  }

  /** The bytes of a stretch, in pieces of at most 64 KiB. Each is valid until the next one. */
  async *pieces({ start, end }: Span): AsyncGenerator<Buffer, void> {
    for (let at = start; at < end; ) {
      const piece = await this.read(at, Math.min(WINDOW_BYTES, end - at));
      if (piece.length === 0) return;
      yield piece;
      at += piece.length;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}
