import { type FileHandle, open, rename } from "node:fs/promises";
import type { FileBytes, Span } from "../../lib/file-bytes.js";

/** A result whose graph is taken out. */
export interface ResultFile {
  readonly path: string;
  readonly source: FileBytes;
}

/** One that is written to in its place. */
export interface WritableResult extends ResultFile {
  readonly target: FileHandle;
}

const ZEROS = Buffer.alloc(64 * 1024);

/** Overwrites a stretch with zeros. */
export async function erase(target: FileHandle, { start, end }: Span): Promise<void> {
  for (let at = start; at < end; at += ZEROS.length)
    await target.write(ZEROS, 0, Math.min(ZEROS.length, end - at), at);
}

/** Makes the file anew without these stretches, which are in order. Without any, it is left as it is. */
export async function cutOut({ path, source }: ResultFile, cuts: readonly Span[]): Promise<void> {
  if (cuts.length === 0) return;
  await using part = await open(`${path}.part`, "w");
  let at = 0;
  for (const { start, end } of [...cuts, { start: source.sizeBytes, end: source.sizeBytes }]) {
    for await (const piece of source.pieces({ start: at, end: start })) await part.write(piece);
    at = end;
  }
  await rename(`${path}.part`, path);
}
