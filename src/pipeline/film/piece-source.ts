import { rename } from "node:fs/promises";
import type { Chunk } from "../../domain/film.js";
import { downloadError } from "../../input/download-error.js";
import type { DownloadedInput, DownloadRequest } from "../../input/download-input.js";
import type { InputSource } from "../../input/input-source.js";
import { type FilmStorage, fetchFromStorage } from "./film-storage.js";

const SCHEME = "piece:";

/** Where a chunk's input comes from, as a URL. */
export function pieceUrl({ pieceKey }: Pick<Chunk, "pieceKey">): string {
  return `${SCHEME}${pieceKey}`;
}

/** The pieces of films, which their cut put into the storage. No client may name one. */
export class PieceSource implements InputSource {
  readonly scheme = SCHEME;
  readonly #from: FilmStorage;

  constructor(from: FilmStorage) {
    this.#from = from;
  }

  async brokenRule(): Promise<string> {
    return "must be one that a client can name";
  }

  async fetch({ url, path, signal, onProgress }: DownloadRequest): Promise<DownloadedInput> {
    const key = url.slice(SCHEME.length);
    const part = `${path}.part`;
    let sizeBytes = 0;
    const report = (bytes: number): void => {
      sizeBytes = bytes;
      onProgress?.(bytes);
    };
    if (!(await fetchFromStorage(key, part, this.#from, signal, report)))
      throw downloadError("INPUT_NOT_FOUND", url, "the piece of the film is gone");
    await rename(part, path);
    return { sizeBytes };
  }
}
