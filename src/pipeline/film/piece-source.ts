import { rename, rm } from "node:fs/promises";
import type { Chunk } from "../../domain/film.js";
import { downloadError } from "../../input/download-error.js";
import type { DownloadedInput, DownloadRequest } from "../../input/download-input.js";
import type { InputSource } from "../../input/input-source.js";
import type { ObjectStorage } from "../../storage/object-storage.js";
import { type Patience, patiently } from "./patiently.js";

const SCHEME = "piece:";

/** Where a chunk's input comes from, as a URL. */
export function pieceUrl({ pieceKey }: Pick<Chunk, "pieceKey">): string {
  return `${SCHEME}${pieceKey}`;
}

/** The pieces of films, which their cut put into the storage. No client may name one. */
export class PieceSource implements InputSource {
  readonly scheme = SCHEME;
  readonly #storage: Pick<ObjectStorage, "get">;
  readonly #patience: Patience;

  constructor(storage: Pick<ObjectStorage, "get">, patience: Patience) {
    this.#storage = storage;
    this.#patience = patience;
  }

  async brokenRule(): Promise<string> {
    return "must be one that a client can name";
  }

  /** While the storage does not answer it is asked again and again. */
  async fetch({ url, path, signal, onProgress }: DownloadRequest): Promise<DownloadedInput> {
    const key = url.slice(SCHEME.length);
    const part = `${path}.part`;
    let sizeBytes = 0;
    const report = (bytes: number): void => {
      sizeBytes = bytes;
      onProgress?.(bytes);
    };
    const get = async (): Promise<boolean> => {
      await rm(part, { force: true });
      return await this.#storage.get(key, part, { signal, onProgress: report });
    };
    const isThere = await patiently(get, this.#patience, signal);
    if (!isThere) throw downloadError("INPUT_NOT_FOUND", url, "the piece of the film is gone");
    await rename(part, path);
    return { sizeBytes };
  }
}
