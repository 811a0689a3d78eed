import { randomUUID } from "node:crypto";
import { readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ObjectStorage } from "../../storage/object-storage.js";
import { previewFolder } from "./preview-objects.js";

/** Where previews are kept, and where their files are made. */
export interface PreviewPlace {
  readonly storage: Pick<ObjectStorage, "put" | "get">;
  /** For files on their way. */
  readonly directory: string;
}

/** Stores a file as an object of a film's preview, and removes it. */
export async function putFile(
  film: string,
  name: string,
  path: string,
  { storage }: PreviewPlace,
  signal: AbortSignal,
): Promise<void> {
  const { size: sizeBytes } = await stat(path);
  const mediaType = name.endsWith(".json") ? "application/json" : "video/mp4";
  const key = `${previewFolder(film)}${name}`;
  await storage.put({ path, key, sizeBytes, mediaType }, { signal });
  await rm(path, { force: true });
}

/** Stores bytes as an object of a film's preview. */
export async function putBytes(
  film: string,
  name: string,
  bytes: Uint8Array | string,
  place: PreviewPlace,
  signal: AbortSignal,
): Promise<void> {
  const path = scratchFile(place);
  try {
    await writeFile(path, bytes);
    await putFile(film, name, path, place, signal);
  } finally {
    await rm(path, { force: true });
  }
}

/** Reads an object of a film's preview that holds JSON; undefined: there is none. */
export async function readJson(
  film: string,
  name: string,
  place: PreviewPlace,
  signal: AbortSignal,
): Promise<unknown> {
  const path = scratchFile(place);
  try {
    const isThere = await place.storage.get(`${previewFolder(film)}${name}`, path, { signal });
    return isThere ? JSON.parse(await readFile(path, "utf8")) : undefined;
  } finally {
    await rm(path, { force: true });
  }
}

/** A name that no other call uses. */
export function scratchFile({ directory }: PreviewPlace): string {
  return join(directory, `preview-${randomUUID()}`);
}
