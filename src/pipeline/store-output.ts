import { statSync } from "node:fs";
import { basename } from "node:path/posix";
import type { Json, Output } from "../domain/task.js";
import { sniffMediaType } from "../input/probe/sniff-media-type.js";
import type { ObjectStorage } from "../storage/object-storage.js";
import { megabytes } from "./megabytes.js";
import type { TaskJournal } from "./task-journal.js";

/** Which part of the stage's progress a file is: where it begins and how much it is worth, both 0 to 1. */
export interface Part {
  readonly from: number;
  readonly share: number;
}

/** A file on its way into the storage. */
export interface FileToStore {
  readonly path: string;
  /** By the extension of its real type; undefined where that is not known. */
  readonly keyOf: (extension: string | undefined) => string;
  /** Its place among the files of its task. */
  readonly index: number;
  readonly part: Part;
  /** As in {@link PutOptions}. @default it counts already */
  readonly judged?: Promise<void> | undefined;
}

/** Stores a file of a task. An upload of it that an earlier try began goes on. */
export async function storeOutput(
  { path, keyOf, index, part, judged }: FileToStore,
  storage: Pick<ObjectStorage, "put">,
  journal: TaskJournal,
): Promise<Output> {
  const { size: sizeBytes } = statSync(path);
  const { mediaType, extension } = await sniffMediaType(path);
  const key = keyOf(extension);
  const total = megabytes(sizeBytes);
  const output = { key, sizeBytes, mediaType, fileName: basename(key) };
  const begun = readCheckpoint(journal.uploadCheckpoint);
  // Files are stored one after the other. If this one were begun anew, the checkpoint of the later
  // one would be lost.
  if (begun !== undefined && begun.index > index) return output;
  await storage.put(
    { path, key, sizeBytes, mediaType },
    {
      ...{ signal: journal.signal, judged },
      onProgress: (bytes) => {
        const ratio = part.from + part.share * (sizeBytes > 0 ? bytes / sizeBytes : 1);
        const detail = `${megabytes(bytes)} / ${total}`;
        journal.progress({ stage: "upload", ratio, detail });
      },
      ...(begun?.key === key && { checkpoint: begun.checkpoint }),
      saveCheckpoint: (checkpoint) => journal.recordUpload({ key, index, checkpoint }),
    },
  );
  return output;
}

/** What is needed to resume or discard an unfinished upload of an object. */
interface BegunUpload {
  readonly key: string;
  /** The index of the file among the outputs. @default 0 */
  readonly index: number;
  readonly checkpoint: Json;
}

/**
 * Discards the unfinished upload of a task that ended otherwise: its parts would cost money for
 * ever.
 */
export async function discardUpload(
  uploadCheckpoint: Json | undefined,
  { storage }: { readonly storage: Pick<ObjectStorage, "discard"> },
  signal: AbortSignal,
): Promise<void> {
  const begun = readCheckpoint(uploadCheckpoint);
  if (begun !== undefined) await storage.discard(begun.key, begun.checkpoint, signal);
}

function readCheckpoint(value: Json | undefined): BegunUpload | undefined {
  if (typeof value !== "object" || value === null || !("key" in value)) return undefined;
  const { key, index = 0, checkpoint } = value;
  if (typeof key !== "string" || typeof index !== "number" || checkpoint === undefined)
    return undefined;
  return { key, index, checkpoint };
}
