import { setTimeout as sleep } from "node:timers/promises";
import { type ErrorCode, TaskError } from "../../domain/errors.js";
import type { Chunk } from "../../domain/film.js";
import type { InputFacts } from "../../domain/task.js";
import { sniffMediaType } from "../../input/probe/sniff-media-type.js";
import { backoffMs } from "../../lib/backoff.js";
import { findInput, type ReadyInput } from "../../pipeline/download-stage.js";
import { filmObjects } from "../../pipeline/film/film-objects.js";
import { notedFilm } from "../../pipeline/film/known-film.js";
import { requireFrames } from "../../pipeline/film/require-frames.js";
import { restoreFilm } from "../../pipeline/film/restore-film.js";
import { checkResult } from "../../pipeline/result/check-result.js";
import { promisedResult } from "../../pipeline/result/promised-result.js";
import type { ResultRoad } from "../../pipeline/upload-stage.js";
import type { WorkDir } from "../../pipeline/work-dir.js";
import { containerOf } from "../../workflow/film-container.js";
import { graphNamed } from "../../workflow/variants.js";
import { showChunk } from "./film/show-film.js";
import type { RunContext, RunState } from "./run-context.js";

type BringInput = () => Promise<ReadyInput>;

/** What becomes of a task's result: a chunk's is kept for the join of its film, a film's gets back what it lost. */
export function resultRoad(
  run: RunState,
  workDir: WorkDir,
  input: BringInput,
  context: RunContext,
): ResultRoad {
  const { task } = run.heldTask;
  const check = checkOnce(run, workDir, input, context);
  if (task.chunk !== undefined) return { check, ...chunkRoad(task.chunk, run, workDir, context) };
  return task.type === "video"
    ? { check, finish: (path) => restored(path, run, workDir, input, context) }
    : { check };
}

function chunkRoad(
  chunk: Chunk,
  { heldTask }: RunState,
  workDir: WorkDir,
  context: RunContext,
): Omit<ResultRoad, "check"> {
  const { film, index } = chunk;
  const { promptId = "", server = "?" } = heldTask.dispatch ?? {};
  const keyOf = (extension: string): string => filmObjects.result(film, index, promptId, extension);
  const finish = async (path: string): Promise<string> => {
    await requireFrames(path, framesOf(chunk), server);
    const { extension = "" } = await sniffMediaType(path);
    const result = { chunk, path, resultKey: keyOf(extension) };
    await showChunk(result, workDir, context, heldTask.signal);
    return path;
  };
  return { keyOf, finish };
}

async function restored(
  path: string,
  { heldTask }: RunState,
  workDir: WorkDir,
  input: BringInput,
  { logger, limits }: RunContext,
): Promise<string> {
  const { signal, task, taskId } = heldTask;
  const source = (): Promise<ReadyInput> => bringPatiently(input, limits.retryDelayMs, signal);
  const log = logger.child({ taskId });
  const container = containerOf(task.parameters);
  const film = await restoreFilm({ path, source, workDir, container }, log, signal);
  await heldTask.recordNotes(film.notes);
  return film.path;
}

/** What an origin that does not answer may say at another try. */
const PASSING: ReadonlySet<ErrorCode> = new Set([
  "INPUT_TRUNCATED",
  "INPUT_UNREACHABLE",
  "INPUT_TIMEOUT",
]);
const MAX_TRIES = 4;
const MAX_PAUSE_MS = 10_000;

async function bringPatiently(
  input: BringInput,
  baseMs: number,
  signal: AbortSignal,
): Promise<ReadyInput> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await input();
    } catch (error) {
      const mayPass = error instanceof TaskError && PASSING.has(error.code);
      if (!mayPass || tries >= MAX_TRIES) throw error;
    }
    await sleep(backoffMs(tries, { baseMs, capMs: MAX_PAUSE_MS }), undefined, { signal });
  }
}

/** Looks at the result at the first try alone: its file stays the same. */
function checkOnce(
  { heldTask, workflow }: RunState,
  workDir: WorkDir,
  input: BringInput,
  { logger }: RunContext,
): (path: string) => Promise<void> {
  const { dispatch, signal, task } = heldTask;
  const { chunk } = task;
  const look = async (path: string): Promise<void> => {
    const facts = heldTask.input ?? (await findInput(workDir))?.facts;
    const graph = workflow && graphNamed(workflow, dispatch?.variant);
    const film = task.type === "video" ? await notedFilm(workDir) : undefined;
    const whole = graph && facts ? promisedResult(graph, facts, task.parameters, film) : {};
    const promised = { ...whole, ...(chunk && { frameCount: framesOf(chunk) }) };
    const server = dispatch?.server ?? "?";
    const beginsAtSeconds = chunk === undefined ? 0 : beginOf(chunk, facts);
    await checkResult({ path, promised, server, input, beginsAtSeconds }, logger, signal);
  };
  let looking: Promise<void> | undefined;
  return (path) => {
    looking ??= look(path);
    return looking;
  };
}

/** The frames of a chunk's result. */
function framesOf({ frameCount, leadCount = 0 }: Chunk): number {
  return frameCount + leadCount;
}

/** Where in its piece a chunk's own frames begin, in seconds; where frames are not evenly shown, about there. */
function beginOf({ skipCount, beforeCount }: Chunk, facts: InputFacts | undefined): number {
  return facts?.fps === undefined ? 0 : (skipCount + beforeCount) / facts.fps;
}
