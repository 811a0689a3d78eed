import { rm, stat } from "node:fs/promises";
import { extname } from "node:path";
import type { ComfyServer } from "../comfy/comfy-server.js";
import { TaskError } from "../domain/errors.js";
import type { Dispatch, Json, Output, OutputFile } from "../domain/task.js";
import { sniffMediaType } from "../input/probe/sniff-media-type.js";
import type { ObjectStorage } from "../storage/object-storage.js";
import { megabytes } from "./megabytes.js";
import { stripGraph } from "./strip/strip-graph.js";
import type { TaskJournal } from "./task-journal.js";
import type { WorkDir } from "./work-dir.js";

/** What the upload stage works with. */
export interface UploadContext {
  readonly storage: ObjectStorage;
  /** Whether results keep the graph that ComfyUI writes into them. */
  readonly keepGraph: boolean;
  /** Whether results are looked at before they count. */
  readonly checkResults: boolean;
}

/** A prompt that has ended, and the files it made, the result first. */
export type EndedPrompt = Pick<Dispatch, "promptId" | "outputs">;

/** The share of the upload stage's progress that stands for fetching from the server. */
const FETCH_SHARE = 0.3;

/**
 * Brings the files of a prompt from its server into the object storage, the result first. A file
 * that an earlier try fetched is taken from the work directory, so that a storage that is down for
 * a while costs the server nothing. An upload that an earlier try began goes on.
 *
 * @param check looks at the result before it is stored; throws where it is none.
 * @param comfy the server that has the files; undefined if it is no longer configured.
 * @throws TaskError OUTPUT_LOST if the files are neither here nor there.
 */
export async function uploadStage(
  taskId: string,
  { promptId, outputs = [] }: EndedPrompt,
  comfy: ComfyServer | undefined,
  { storage, keepGraph, checkResults }: UploadContext,
  workDir: WorkDir,
  journal: TaskJournal,
  check: (path: string) => Promise<void>,
): Promise<readonly Output[]> {
  await journal.stage("upload", { status: "running", progress: 0, detail: "Starting upload..." });
  const startedAtMs = performance.now();
  const stored: Output[] = [];
  for (const [index, file] of outputs.entries()) {
    const part = { from: index / outputs.length, share: 1 / outputs.length };
    // Named after its prompt: a file of an earlier prompt of the task is never taken for it.
    const path = workDir.file(`output-${promptId}-${index}`);
    await fetchOutput(file, path, part, comfy, journal);
    if (checkResults && index === 0 && journal.uploadCheckpoint === undefined) await check(path);
    if (!keepGraph) await stripGraph(path);
    stored.push(await storeOutput(taskId, file, index, path, part, storage, journal));
  }
  const durationMs = performance.now() - startedAtMs;
  await journal.stage("upload", {
    status: "success",
    progress: 100,
    durationMs,
    detail: "Upload complete",
  });
  return stored;
}

/** Which part of the stage's progress a file is: where it begins and how much it is worth, both 0 to 1. */
interface Part {
  readonly from: number;
  readonly share: number;
}

async function fetchOutput(
  file: OutputFile,
  path: string,
  part: Part,
  comfy: ComfyServer | undefined,
  journal: TaskJournal,
): Promise<void> {
  if (await exists(path)) return;
  if (comfy === undefined)
    throw new TaskError(
      "OUTPUT_LOST",
      `Cannot fetch result "${file.filename}": its server is no longer configured`,
    );
  const onProgress = (bytes: number, totalBytes: number | undefined): void => {
    const ratio = part.from + part.share * FETCH_SHARE * (totalBytes ? bytes / totalBytes : 0);
    journal.progress({ stage: "upload", ratio });
  };
  const found = await comfy.viewToFile(file, path, journal.signal, onProgress);
  if (found && found.sizeBytes > 0) return;
  await rm(path, { force: true });
  throw new TaskError(
    "OUTPUT_LOST",
    `Cannot fetch result "${file.filename}": server "${comfy.address}" has ${found ? "an empty file" : "it no longer"}`,
  );
}

async function storeOutput(
  taskId: string,
  file: OutputFile,
  index: number,
  path: string,
  part: Part,
  storage: ObjectStorage,
  journal: TaskJournal,
): Promise<Output> {
  const { size: sizeBytes } = await stat(path);
  const { mediaType, extension } = await sniffMediaType(path);
  const fileName = `${index === 0 ? "result" : `result-${index + 1}`}${extension ?? extname(file.filename)}`;
  const key = `outputs/${taskId}/${fileName}`;
  const total = megabytes(sizeBytes);
  const output = { key, sizeBytes, mediaType, fileName };
  const begun = readCheckpoint(journal.uploadCheckpoint);
  // Files are stored one after the other. If this one were begun anew, the checkpoint of the later
  // one would be lost.
  if (begun !== undefined && begun.index > index) return output;
  await storage.put(
    { path, key, sizeBytes, mediaType },
    {
      signal: journal.signal,
      onProgress: (bytes) => {
        const done = FETCH_SHARE + (1 - FETCH_SHARE) * (sizeBytes > 0 ? bytes / sizeBytes : 1);
        const detail = `${megabytes(bytes)} / ${total}`;
        journal.progress({ stage: "upload", ratio: part.from + part.share * done, detail });
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
  { storage }: UploadContext,
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

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}
