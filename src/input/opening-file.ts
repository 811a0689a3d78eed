import { closeSync, ftruncate, open, write } from "node:fs";
import { promisify } from "node:util";

const opened = promisify(open);
const truncated = promisify(ftruncate);
const written = promisify(write);

/**
 * A file that bytes are appended to. To open it may take as long as an origin takes to answer, so that is begun
 * before anything is there for it. It is closed at once, which a `FileHandle` cannot be.
 */
export class OpeningFile implements AsyncDisposable {
  readonly #file: Promise<number>;
  readonly #flags: "w" | "a";

  /** @param flags "w": it begins anew. */
  constructor(path: string, flags: "w" | "a") {
    this.#flags = flags;
    this.#file = opened(path, flags);
    this.#file.catch(() => undefined);
  }

  /** Drops what it had. */
  async restart(): Promise<void> {
    if (this.#flags === "a") await truncated(await this.#file);
  }

  async append(bytes: Buffer): Promise<void> {
    const file = await this.#file;
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
