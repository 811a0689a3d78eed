import { rm, stat } from "node:fs/promises";
import { extname } from "node:path";
import type { ComfyServer } from "../comfy/comfy-server.js";
import { TaskError } from "../domain/errors.js";
import type { Json, Output, OutputFile, Task } from "../domain/task.js";
import { sniffMediaType } from "../input/sniff-media-type.js";
import type { ObjectStorage } from "../storage/object-storage.js";
import { megabytes } from "./megabytes.js";
import { stripGraph } from "./strip-graph.js";
import type { TaskJournal } from "./task-journal.js";
import type { WorkDir } from "./work-dir.js";

/** What the upload stage works with. */
export interface UploadContext {
  readonly storage: ObjectStorage;
  /** Whether results keep the graph that ComfyUI writes into them. */
  readonly keepGraph: boolean;
}

/** Share of the upload stage's progress that fetching from the server is worth. */
const FETCH_SHARE = 0.3;

/**
 * Brings what a prompt made from its server into the object storage, the result first. A file that an
 * earlier try fetched is taken from the work directory, so that a storage that is down for a while
 * costs the server nothing.
 *
 * @param comfy the server that has the files; undefined where it is no longer configured.
 * @throws TaskError OUTPUT_LOST if the files are neither here nor there.
 */
export async function uploadStage(
  task: Task,
  outputs: readonly OutputFile[],
  comfy: ComfyServer | undefined,
  { storage, keepGraph }: UploadContext,
  workDir: WorkDir,
  journal: TaskJournal,
): Promise<readonly Output[]> {
  await journal.stage("upload", { status: "running", progress: 0, detail: "Starting upload..." });
  const startedAtMs = performance.now();
  const stored: Output[] = [];
  for (const [index, file] of outputs.entries()) {
    const part = { from: index / outputs.length, share: 1 / outputs.length };
    const path = await fetchOutput(file, index, part, comfy, workDir, journal);
    if (!keepGraph) await stripGraph(path);
    stored.push(await storeOutput(task, file, index, path, part, storage, journal));
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
  index: number,
  part: Part,
  comfy: ComfyServer | undefined,
  workDir: WorkDir,
  journal: TaskJournal,
): Promise<string> {
  const path = workDir.file(`output-${index}`);
  if (await exists(path)) return path;
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
  if (found && found.sizeBytes > 0) return path;
  await rm(path, { force: true });
  throw new TaskError(
    "OUTPUT_LOST",
    `Cannot fetch result "${file.filename}": server "${comfy.address}" has ${found ? "an empty file" : "it no longer"}`,
  );
}

async function storeOutput(
  task: Task,
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
  const key = `outputs/${task.taskId}/${fileName}`;
  const total = megabytes(sizeBytes);
  const saved = readCheckpoint(task.uploadCheckpoint);
  await storage.put(
    { path, key, sizeBytes, mediaType },
    {
      signal: journal.signal,
      onProgress: (bytes) => {
        const done = FETCH_SHARE + (1 - FETCH_SHARE) * (sizeBytes > 0 ? bytes / sizeBytes : 1);
        const detail = `${megabytes(bytes)} / ${total}`;
        journal.progress({ stage: "upload", ratio: part.from + part.share * done, detail });
      },
      ...(saved?.key === key && { checkpoint: saved.checkpoint }),
      saveCheckpoint: (checkpoint) => journal.recordUpload({ key, checkpoint }),
    },
  );
  return { key, sizeBytes, mediaType, fileName };
}

/** What an unfinished upload of an object can be resumed or discarded with. */
interface SavedUpload {
  readonly key: string;
  readonly checkpoint: Json;
}

/** Gives up an unfinished upload of a task that ended otherwise; its parts would cost money for ever. */
export async function discardUpload(
  uploadCheckpoint: Json | undefined,
  { storage }: UploadContext,
  signal: AbortSignal,
): Promise<void> {
  const saved = readCheckpoint(uploadCheckpoint);
  if (saved !== undefined) await storage.discard(saved.key, saved.checkpoint, signal);
}

function readCheckpoint(value: Json | undefined): SavedUpload | undefined {
  if (typeof value !== "object" || value === null || !("key" in value)) return undefined;
  const { key, checkpoint } = value;
  return typeof key === "string" && checkpoint !== undefined ? { key, checkpoint } : undefined;
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}
