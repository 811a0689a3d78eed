import { basename } from "node:path/posix";
import { setTimeout as sleep } from "node:timers/promises";
import { openCutter } from "../../../film/cut/film-cutter.js";
import { pieceContainer, pieceRate } from "../../../film/cut/piece-file.js";
import { type PlanOptions, type PlanStart, planPieces } from "../../../film/plan/plan-pieces.js";
import { keepRest } from "../../../film/rest/keep-rest.js";
import { restContainer } from "../../../film/rest/rest-container.js";
import { defined } from "../../../lib/defined.js";
import { depthOf } from "../../../pipeline/film/check-film-kind.js";
import { filmObjects } from "../../../pipeline/film/film-objects.js";
import { type FilmStorage, moveToStorage } from "../../../pipeline/film/film-storage.js";
import { FILM_NOTE } from "../../../pipeline/film/known-film.js";
import type { NewChunk } from "../../../store/film-queue.js";
import { persist } from "../../lease/persist.js";
import type { RunContext } from "../run-context.js";
import type { FilmToCut } from "./film-to-cut.js";
import type { FilmPlan } from "./plan-film.js";
import { beginShowing } from "./show-film.js";
import { storageOf } from "./storage-of.js";

const ROOM_PAUSE_MS = 500;

/**
 * Cuts a film into pieces, the first ones first: each is stored, and then its chunk, which a server can
 * take at once. What an earlier holder stored is not cut again. Then all that the join needs of the
 * film is stored, and the lease ends.
 */
export async function cutFilm(film: FilmToCut, context: RunContext): Promise<void> {
  const { run } = film;
  const { heldTask } = run;
  const { signal } = heldTask;
  run.phase = "cut";
  using _place = await context.films.cuts.enter(signal);
  // From now on it is cleaned up as a film, whatever its end.
  await addChunks(film, []);
  const showing = beginShowing(film, context);
  try {
    await cutPieces(film, context);
  } finally {
    // Nothing is written any more when its files are removed.
    await showing;
  }
  await keepForJoin(film, storageOf(context));
  const result = await heldTask.settle({ kind: "cut" });
  if (result !== "ok") heldTask.end(result);
  signal.throwIfAborted();
}

async function cutPieces(filmToCut: FilmToCut, context: RunContext): Promise<void> {
  const { run, input, film, plan, workDir } = filmToCut;
  const { heldTask } = run;
  const { signal, taskId } = heldTask;
  const { path } = input;
  const start = await cutSoFar(taskId, context, signal);
  const { num, den } = pieceRate(film);
  const fixed = {
    film: taskId,
    fps: num / den,
    ...defined({ variant: plan.variant, depth: depthOf(film) }),
  };
  await using cutter = await openCutter(path, film, signal);
  for await (const piece of planPieces(path, film, optionsOf(plan), start, signal)) {
    await room(context, signal);
    const { source, ...span } = piece;
    const pieceKey = filmObjects.piece(taskId, piece.index, `.${pieceContainer(film, piece)}`);
    const piecePath = workDir.file(basename(pieceKey));
    const { skipCount, notes } = await cutter.cut(piece, piecePath, signal);
    await moveToStorage(piecePath, pieceKey, storageOf(context), signal);
    await heldTask.recordNotes(notes);
    await addChunks(filmToCut, [{ ...span, ...fixed, skipCount, pieceKey }]);
    // A server may take it at once.
    context.onPhase();
  }
}

async function addChunks(
  { run: { heldTask }, film }: FilmToCut,
  chunks: readonly NewChunk[],
): Promise<void> {
  const { fence } = heldTask;
  await heldTask.write((store) => store.addChunks(fence, chunks, film.times.length));
}

/** What comes next after the chunks that are stored. Those of second halves have indices of their own. */
async function cutSoFar(
  film: string,
  { store }: Pick<RunContext, "store">,
  signal: AbortSignal,
): Promise<PlanStart> {
  const stored = await persist(() => store.chunks(film), signal);
  const chunks = stored.flatMap(({ chunk }) => chunk ?? []);
  const taken = new Set(chunks.map(({ index }) => index));
  let index = 0;
  while (taken.has(index)) index += 1;
  const ends = chunks.map(({ firstFrame, frameCount }) => firstFrame + frameCount);
  return { index, firstFrame: Math.max(0, ...ends) };
}

/** Where the work space is full, nothing is cut ahead while other runs may make room. */
async function room(
  { films: { workSpace, isBusy } }: Pick<RunContext, "films">,
  signal: AbortSignal,
): Promise<void> {
  while (isBusy() && !(await workSpace.hasRoom()))
    await sleep(ROOM_PAUSE_MS, undefined, { signal });
}

/** Stored last: the source may be gone by the time of the join. */
async function keepForJoin(
  { run: { heldTask }, input, film, workDir }: FilmToCut,
  storage: FilmStorage,
): Promise<void> {
  const { signal, taskId } = heldTask;
  const restKey = filmObjects.rest(taskId, `.${restContainer(film)}`);
  const rest = workDir.file(basename(restKey));
  const { isKept, notes } = await keepRest(input.path, film, rest, signal);
  await heldTask.recordNotes(notes);
  if (isKept) await moveToStorage(rest, restKey, storage, signal);
  await moveToStorage(workDir.file(FILM_NOTE), filmObjects.facts(taskId), storage, signal);
}

function optionsOf({ frames, maxFrames }: FilmPlan): PlanOptions {
  const { multiple, plus, context, overlap } = frames;
  return { maxFrames, ...defined({ multiple, plus, lead: overlap }), ...context };
}
