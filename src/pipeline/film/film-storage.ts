import { rm, stat } from "node:fs/promises";
import { sniffMediaType } from "../../input/probe/sniff-media-type.js";
import { defined } from "../../lib/defined.js";
import type { ObjectStorage } from "../../storage/object-storage.js";
import { type Patience, patiently } from "./patiently.js";

/** Where the pieces and results of films are kept, and how long it is waited for. */
export interface FilmStorage {
  readonly storage: Pick<ObjectStorage, "put" | "get">;
  readonly patience: Patience;
}

/** Moves a local file into the storage. While the storage fails it is tried again. */
export async function moveToStorage(
  path: string,
  key: string,
  { storage, patience }: FilmStorage,
  signal: AbortSignal,
): Promise<void> {
  const { size: sizeBytes } = await stat(path);
  const mediaType = key.endsWith(".json")
    ? "application/json"
    : (await sniffMediaType(path)).mediaType;
  await patiently(
    () => storage.put({ path, key, sizeBytes, mediaType }, { signal }),
    patience,
    signal,
  );
  await rm(path, { force: true });
}

/**
 * Fetches an object into a local file, which may not be written to. While the storage fails it is tried
 * again.
 *
 * @returns whether there is such an object.
 */
export async function fetchFromStorage(
  key: string,
  path: string,
  { storage, patience }: FilmStorage,
  signal: AbortSignal,
  onProgress?: (fetchedBytes: number) => void,
): Promise<boolean> {
  const get = async (): Promise<boolean> => {
    await rm(path, { force: true });
    return await storage.get(key, path, { signal, ...defined({ onProgress }) });
  };
  return await patiently(get, patience, signal);
}
