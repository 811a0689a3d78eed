import { closeSync, fstatSync, openSync, read, readSync } from "node:fs";
import { promisify } from "node:util";

const readAsync = promisify(read);

const WINDOW_BYTES = 64 * 1024;
/** Smaller files are read whole and at once: the system mostly has them in memory, sooner than another thread begins. */
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
export class FileBytes implements Disposable {
  readonly sizeBytes: number;
  readonly #file: number;
  #window: Buffer = Buffer.alloc(0);
  #windowStart = 0;

  /** @throws what the file system throws */
  constructor(path: string) {
    this.#file = openSync(path, "r");
    try {
      this.sizeBytes = fstatSync(this.#file).size;
      if (this.sizeBytes <= SMALL_BYTES) this.#window = this.#readAll();
    } catch (error) {
      closeSync(this.#file);
      throw error;
    }
  }

  /** The whole of a small file. */
  get all(): Buffer | undefined {
    return this.sizeBytes <= SMALL_BYTES ? this.#window : undefined;
  }

  /** Up to `length` bytes. Fewer only where the file ends. The bytes are valid until the next call. */
  async read(position: number, length: number): Promise<Buffer> {
    const from = position - this.#windowStart;
    const isHere = from >= 0 && from + length <= this.#window.length;
    if (isHere || this.sizeBytes <= SMALL_BYTES) return this.#window.subarray(from, from + length);
    const window = Buffer.allocUnsafe(Math.max(WINDOW_BYTES, length));
    const { bytesRead } = await readAsync(this.#file, window, 0, window.length, position);
    this.#window = window.subarray(0, bytesRead);
    this.#windowStart = position;
    return this.#window.subarray(0, length);
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

  [Symbol.dispose](): void {
    closeSync(this.#file);
  }

  #readAll(): Buffer {
    const bytes = Buffer.allocUnsafe(this.sizeBytes);
    return bytes.subarray(0, readSync(this.#file, bytes, 0, bytes.length, 0));
  }
}
