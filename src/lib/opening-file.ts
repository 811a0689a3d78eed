import { closeSync, constants, ftruncate, open, write, writeSync } from "node:fs";
import { promisify } from "node:util";

const opened = promisify(open);
const truncated = promisify(ftruncate);
const written = promisify(write);

/** So much of a file is written at once: the system only copies it, sooner than another thread begins. */
const AT_ONCE_BYTES = 1024 * 1024;

const APPEND = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND;

/**
 * A file that bytes are appended to. To make it takes as long as a server nearby takes to answer, so that is begun
 * before there is anything for it. It is closed at once, which a `FileHandle` cannot be.
 */
export class OpeningFile implements AsyncDisposable {
  readonly #file: Promise<number>;
  #isEmpty: boolean;
  #appendedBytes = 0;

  /** @param isNew whether it loses what it has. */
  constructor(path: string, isNew: boolean) {
    this.#isEmpty = isNew;
    this.#file = opened(path, isNew ? APPEND | constants.O_TRUNC : APPEND);
    this.#file.catch(() => undefined);
  }

  /** Drops what it has. */
  async restart(): Promise<void> {
    if (!this.#isEmpty) await truncated(await this.#file);
    this.#isEmpty = true;
  }

  async append(bytes: Buffer): Promise<void> {
    const file = await this.#file;
    this.#isEmpty = false;
    this.#appendedBytes += bytes.length;
    const isSmall = this.#appendedBytes <= AT_ONCE_BYTES;
    for (let at = 0; at < bytes.length; )
      at += isSmall ? writeSync(file, bytes, at) : await writtenBytes(file, bytes, at);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const file = await this.#file.catch(() => undefined);
    if (file !== undefined) closeSync(file);
  }
}

async function writtenBytes(file: number, bytes: Buffer, from: number): Promise<number> {
  const { bytesWritten } = await written(file, bytes, from, bytes.length - from, null);
  return bytesWritten;
}
