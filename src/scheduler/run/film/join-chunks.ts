import { existsSync } from "node:fs";
import { readFile, rename, rm } from "node:fs/promises";
import type { Chunk } from "../../../domain/film.js";
import type { Task } from "../../../domain/task.js";
import type { FilmFacts } from "../../../film/film-facts.js";
import { checkFilm } from "../../../film/join/check-film.js";
import type { FilmResult } from "../../../film/join/film-to-join.js";
import { joinFilm } from "../../../film/join/join-film.js";
import { restContainer } from "../../../film/rest/rest-container.js";
import { filmObjects } from "../../../pipeline/film/film-objects.js";
import { type FilmStorage, fetchFromStorage } from "../../../pipeline/film/film-storage.js";
import { patiently } from "../../../pipeline/film/patiently.js";
import { storeOutput } from "../../../pipeline/store-output.js";
import type { WorkDir } from "../../../pipeline/work-dir.js";
import { containerOf } from "../../../workflow/film-container.js";
import type { HeldTask } from "../../lease/held-task.js";
import { persist } from "../../lease/persist.js";
import type { RunContext, RunState } from "../run-context.js";
import { storageOf } from "./storage-of.js";

/** The share of the upload stage's progress that stands for joining. */
const JOIN_SHARE = 0.5;

/**
 * Makes one film of what its chunks made and of what was kept of the source, stores it, and settles the
 * task. The results are fetched one at a time, so that the disk holds no second copy of all of them.
 */
export async function joinChunks(
  run: RunState,
  workDir: WorkDir,
  context: RunContext,
): Promise<void> {
  const { heldTask } = run;
  const { signal, taskId } = heldTask;
  run.phase = "join";
  using _place = await context.uploads.enter(signal);
  const startedAtMs = performance.now();
  const detail = "Joining the chunks...";
  await heldTask.stage("upload", { status: "running", progress: 0, detail });
  const path = await joinedFile(run, workDir, context);
  const { storage, patience } = storageOf(context);
  const keyOf = (extension = ""): string => `outputs/${taskId}/result${extension}`;
  const file = { path, keyOf, index: 0, part: { from: JOIN_SHARE, share: 1 - JOIN_SHARE } };
  const output = await patiently(() => storeOutput(file, storage, heldTask), patience, signal);
  const durationMs = performance.now() - startedAtMs;
  const done = { progress: 100, durationMs, detail: "Upload complete" };
  await heldTask.stage("upload", { status: "success", ...done });
  const result = await heldTask.settle({ kind: "completed", outputs: [output] });
  if (result !== "ok") heldTask.end(result);
  signal.throwIfAborted();
}

/** The joined film. One that was joined before, and could not be stored, is not joined again. */
async function joinedFile(run: RunState, workDir: WorkDir, context: RunContext): Promise<string> {
  const { heldTask } = run;
  const { signal, task, taskId } = heldTask;
  const path = workDir.file("joined");
  if (existsSync(path)) return path;
  const storage = storageOf(context);
  const film = await keptFacts(taskId, workDir, storage, signal);
  const chunks = await persist(() => context.store.chunks(taskId), signal);
  const ends = chunks.map(({ finishedAt }) => finishedAt?.getTime() ?? 0);
  run.chunksEndedAt = new Date(Math.max(0, ...ends));
  const rest = workDir.file("rest");
  const hasRest = await fetchFromStorage(
    filmObjects.rest(taskId, `.${restContainer(film)}`),
    rest,
    storage,
    signal,
  );
  const part = workDir.file("joined.part");
  const results = resultsOf(chunks, heldTask, workDir, storage);
  const joined = { film, results, outPath: part, container: containerOf(task.parameters) };
  const { notes } = await joinFilm({ ...joined, ...(hasRest && { restPath: rest }) }, signal);
  const borders = chunks.map(({ chunk: { firstFrame } }) => firstFrame);
  await checkFilm(part, film, signal, borders);
  await heldTask.recordNotes(notes);
  await rename(part, path);
  await rm(rest, { force: true });
  return path;
}

async function keptFacts(
  film: string,
  workDir: WorkDir,
  storage: FilmStorage,
  signal: AbortSignal,
): Promise<FilmFacts> {
  const path = workDir.file("facts");
  if (!(await fetchFromStorage(filmObjects.facts(film), path, storage, signal)))
    throw new Error("What is known of a film is gone before its join");
  return JSON.parse(await readFile(path, "utf8")) as FilmFacts;
}

async function* resultsOf(
  chunks: readonly Task[],
  heldTask: HeldTask,
  workDir: WorkDir,
  storage: FilmStorage,
): AsyncGenerator<FilmResult> {
  const path = workDir.file("result");
  for (const [index, { chunk, outputs: [output] = [] }] of chunks.entries()) {
    if (chunk === undefined || output === undefined)
      throw new Error("A chunk without a result is to be joined");
    if (!(await fetchFromStorage(output.key, path, storage, heldTask.signal)))
      throw new Error("The result of a chunk is gone before its join");
    yield { path, ...spanOf(chunk, chunks[index + 1]?.chunk) };
    heldTask.progress({ stage: "upload", ratio: (JOIN_SHARE * (index + 1)) / chunks.length });
  }
  await rm(path, { force: true });
}

/** A chunk is at times shorter than what fades into the next: it may have been split. */
function spanOf(
  { frameCount, leadCount = 0 }: Chunk,
  next: Chunk | undefined,
): Omit<FilmResult, "path"> {
  return { frameCount, leadCount, fadingCount: Math.min(frameCount, next?.leadCount ?? 0) };
}
