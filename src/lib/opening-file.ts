import { closeSync, constants, ftruncate, open, write } from "node:fs";
import { promisify } from "node:util";

const opened = promisify(open);
const truncated = promisify(ftruncate);
const written = promisify(write);

const APPEND = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND;

/**
 * A file that bytes are appended to. To make it takes as long as a server nearby takes to answer, so that is begun
 * before there is anything for it. It is closed at once, which a `FileHandle` cannot be.
 */
export class OpeningFile implements AsyncDisposable {
  readonly #file: Promise<number>;
  #isEmpty: boolean;

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
    for (let at = 0; at < bytes.length; ) {
      const { bytesWritten } = await written(file, bytes, at, bytes.length - at, null);
      at += bytesWritten;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const file = await this.#file.catch(() => undefined);
    if (file !== undefined) closeSync(file);
  }
}
