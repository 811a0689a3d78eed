import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { extname } from "node:path";
import type { ComfyServer } from "../comfy/comfy-server.js";
import { TaskError } from "../domain/errors.js";
import type { Dispatch, Output, OutputFile } from "../domain/task.js";
import type { ObjectStorage } from "../storage/object-storage.js";
import { type Part, storeOutput } from "./store-output.js";
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

/** The stage as it begins. */
export const UPLOAD_BEGUN = {
  status: "running",
  progress: 0,
  detail: "Starting upload...",
} as const;

/** The share of the upload stage's progress that stands for fetching from the server. */
const FETCH_SHARE = 0.3;

/** What becomes of a prompt's result on its way into the storage. */
export interface ResultRoad {
  /** Looks at the result before it is stored; throws where it is none. */
  readonly check: (path: string) => Promise<void>;
  /** Makes of the result the file that is stored. @returns its path. @default the result itself */
  readonly finish?: (path: string) => Promise<string>;
  /** The key of the only file that is stored, by its extension. @default all are, below `outputs/` */
  readonly keyOf?: (extension: string) => string;
}

/**
 * Brings the files of a prompt from its server into the object storage, the result first. A file
 * that an earlier try fetched is taken from the work directory, so that a storage that is down for
 * a while costs the server nothing. An upload that an earlier try began goes on.
 *
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
  { check, finish, keyOf }: ResultRoad,
): Promise<readonly Output[]> {
  await journal.stage("upload", UPLOAD_BEGUN);
  const startedAtMs = performance.now();
  const stored: Output[] = [];
  const files = keyOf === undefined ? outputs : outputs.slice(0, 1);
  for (const [index, file] of files.entries()) {
    const part = { from: index / files.length, share: 1 / files.length };
    const path = outputPath(workDir, promptId, index);
    await fetchOutput(file, path, part, comfy, journal);
    const isLookedAt = checkResults && index === 0 && journal.uploadCheckpoint === undefined;
    const look = isLookedAt ? check : undefined;
    if (!keepGraph) await strip(path, look);
    // A picture is looked at on its way into the storage.
    const judged = look?.(path);
    judged?.catch(() => undefined);
    const made = index === 0 && finish !== undefined ? await finished(path, finish, judged) : path;
    const stem = index === 0 ? "result" : `result-${index + 1}`;
    const nameOf = (extension = extname(file.filename)): string =>
      keyOf?.(extension) ?? `outputs/${taskId}/${stem}${extension}`;
    const rest = {
      from: part.from + part.share * FETCH_SHARE,
      share: part.share * (1 - FETCH_SHARE),
    };
    stored.push(
      await storeOutput({ path: made, keyOf: nameOf, index, part: rest, judged }, storage, journal),
    );
  }
  const durationMs = performance.now() - startedAtMs;
  journal.noteStage("upload", {
    status: "success",
    progress: 100,
    durationMs,
    detail: "Upload complete",
  });
  return stored;
}

/** Where a prompt's file is kept. It is named after its prompt: that of an earlier one is never taken for it. */
export function outputPath(workDir: WorkDir, promptId: string, index: number): string {
  return workDir.file(`output-${promptId}-${index}`);
}

/** How far the stage is while a file is fetched, 0 to 1. @param totalBytes undefined: not known */
export function fetchedRatio(part: Part, bytes: number, totalBytes: number | undefined): number {
  return part.from + part.share * FETCH_SHARE * (totalBytes ? bytes / totalBytes : 0);
}

/** Takes the graph out. That of a result that is none may be damaged too: what is wrong with the result goes first. */
async function strip(path: string, look: ResultRoad["check"] | undefined): Promise<void> {
  try {
    await stripGraph(path);
  } catch (error) {
    await look?.(path);
    throw error;
  }
}

async function finished(
  path: string,
  finish: NonNullable<ResultRoad["finish"]>,
  judged: Promise<void> | undefined,
): Promise<string> {
  await judged;
  return await finish(path);
}

async function fetchOutput(
  file: OutputFile,
  path: string,
  part: Part,
  comfy: ComfyServer | undefined,
  journal: TaskJournal,
): Promise<void> {
  if (existsSync(path)) return;
  if (comfy === undefined)
    throw new TaskError(
      "OUTPUT_LOST",
      `Cannot fetch result "${file.filename}": its server is no longer configured`,
    );
  const onProgress = (bytes: number, totalBytes: number | undefined): void => {
    journal.progress({ stage: "upload", ratio: fetchedRatio(part, bytes, totalBytes) });
  };
  const found = await comfy.viewToFile(file, path, journal.signal, onProgress);
  if (found && found.sizeBytes > 0) return;
  await rm(path, { force: true });
  throw new TaskError(
    "OUTPUT_LOST",
    `Cannot fetch result "${file.filename}": server "${comfy.address}" has ${found ? "an empty file" : "it no longer"}`,
  );
}
