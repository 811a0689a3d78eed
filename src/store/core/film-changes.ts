import { isDeepStrictEqual } from "node:util";
import {
  type Chunk,
  chunkId,
  type FilmState,
  filmIdOf,
  MAX_CHUNK_INDEX,
} from "../../domain/film.js";
import { overallProgress } from "../../domain/overall-progress.js";
import { chunkTurn } from "../../domain/queue-order.js";
import { serverOf } from "../../domain/server-of.js";
import type { ChunkTask } from "../../domain/task.js";
import { isTerminal, type Task, type TaskFailure } from "../../domain/task.js";
import { defined } from "../../lib/defined.js";
import type { NewChunk } from "../film-queue.js";
import { closeAttempt } from "./attempts.js";
import { changeStage, endRunningStage } from "./task-progress.js";
import { without } from "./without.js";

/** A film before its first chunk is stored. */
const UNCUT: Omit<FilmState, "frameCount"> = {
  phase: "cut",
  ...{ chunkCount: 0, completedCount: 0, runningCount: 0, failedCount: 0, splitCount: 0 },
  completedFrameCount: 0,
};

/** A film with more chunks, and those of them that are not stored yet. */
export interface GrownFilm {
  readonly film: Task;
  readonly added: readonly Task[];
}

/**
 * Adds chunks to a film that is being cut. To be stored is progress: what felled holders before is
 * over.
 *
 * @throws Error for a film that was cut already or a gap between the indices, which are bugs.
 */
export function addToFilm(
  task: Task,
  chunks: readonly NewChunk[],
  frameCount: number,
  now: Date,
): GrownFilm {
  const state = task.film ?? { ...UNCUT, frameCount };
  if (state.phase !== "cut") throw new Error(`Film "${task.taskId}" was cut already`);
  const storedCount = state.chunkCount - state.splitCount;
  const fresh = chunks.filter(({ index }) => index >= storedCount);
  if (fresh.some(({ index }, place) => index !== storedCount + place))
    throw new Error(`Film "${task.taskId}" has ${storedCount} chunks, and others do not follow`);
  const chunkCount = state.chunkCount + fresh.length;
  return {
    film: { ...task, takeovers: 0, film: { ...state, chunkCount, frameCount } },
    added: fresh.map(({ variant, ...chunk }) => newChunk(task, chunk, variant, now)),
  };
}

/** A film whose pieces are all stored: it waits for its chunks without a holder. */
export function endCutting(task: Task, now: Date): Task {
  if (task.film?.phase !== "cut") throw new Error(`Film "${task.taskId}" is not being cut`);
  const waiting = without(task, "lease", "slot", "dispatch", "uploadCheckpoint");
  return beginJoin({ ...waiting, film: { ...task.film, phase: "render" } }, now);
}

/**
 * A film after one of its chunks has changed: how many run and have completed, its progress, its end
 * if the chunk has failed for good, and its join if the last one has completed.
 *
 * @returns the same object if nothing of the film changes, as after its end.
 */
export function followChunk(film: Task, before: Task, next: Task, now: Date): Task {
  if (film.film === undefined || isTerminal(film.status)) return film;
  if (!concernsFilm(before, next, film.film)) return film;
  const state = countChunk(film.film, before, next, now);
  const counted = { ...film, film: state };
  if (next.error) return failFilm(counted, next, next.error, now);
  return beginJoin(showProgress(counted, 0), now);
}

/**
 * A film that shows how far its chunks are; the same object if it shows that already.
 *
 * @param runningFrameCount how many frames of the chunks that are processed are done.
 */
export function showProgress(task: Task, runningFrameCount: number): Task {
  const { film } = task;
  if (film?.processBeganAt === undefined || isTerminal(task.status)) return task;
  if (film.phase === "join") return task;
  const { completedCount, completedFrameCount, chunkCount, frameCount } = film;
  const ratio = (completedFrameCount + runningFrameCount) / frameCount;
  const progress = Math.round(Math.min(1, ratio) * 1000) / 10;
  const detail = `Processing with ${task.workflow}... (${completedCount} of ${chunkCount} chunks)`;
  const patch = { progress, detail, status: "running" } as const;
  const shown = changeStage(task, "process", patch, overallProgress("process", ratio));
  return isDeepStrictEqual(shown, task) ? task : shown;
}

/** The chunks of a film in the order in which they are shown. */
export function inOrder(tasks: readonly Task[]): readonly ChunkTask[] {
  const chunks = tasks.filter((task): task is ChunkTask => task.chunk !== undefined);
  return chunks.sort((a, b) => a.chunk.firstFrame - b.chunk.firstFrame);
}

/** A chunk that became two, of which the second is new. */
export interface SplitChunk {
  readonly first: Task;
  readonly second: Task;
}

/** Splits a chunk that ran out of memory; both halves wait for their turn as if they were new. */
export function splitInTwo(
  task: Task,
  film: Task,
  halves: readonly [Chunk, Omit<Chunk, "index">],
  now: Date,
): SplitChunk {
  const [chunk, rest] = halves;
  const index = MAX_CHUNK_INDEX - (film.film?.splitCount ?? 0);
  const freed = without(
    task,
    ...(["lease", "slot", "dispatch", "uploadCheckpoint", "runningNode", "input"] as const),
    ...(["memoryFailures", "unclearFailure"] as const),
  );
  const attempts = closeAttempt(task.attempts, "OUT_OF_MEMORY", now);
  const first: Task = {
    ...{ ...freed, chunk, attempts, status: "pending", attempt: 1, takeovers: 0 },
    ...{ stages: {}, progress: 0 },
  };
  return { first, second: newChunk(film, { ...rest, index }, task.variant, now) };
}

function newChunk(film: Task, chunk: Chunk, variant: string | undefined, now: Date): Task {
  const { type, priority, params, workflow, workflowVersion, parameters, tenant } = film;
  return {
    taskId: chunkId(film.taskId, chunk.index),
    ...{ rev: 1, epoch: 0, status: "pending" },
    ...{ type, priority, params, workflow, workflowVersion, parameters },
    ...defined({ variant, tenant }),
    ...{ createdAt: now, updatedAt: now, dueAt: now },
    turnAt: chunkTurn(film.dueAt, chunk.startSeconds),
    ...{ attempt: 1, takeovers: 0, attempts: [], bypassCount: 0, stages: {}, progress: 0 },
    chunk: { ...chunk, film: filmIdOf(film.taskId) },
  };
}

function concernsFilm(before: Task, next: Task, { processBeganAt }: FilmState): boolean {
  return (
    before.status !== next.status ||
    before.chunk?.frameCount !== next.chunk?.frameCount ||
    (processBeganAt === undefined && next.stages.process !== undefined)
  );
}

function countChunk(state: FilmState, before: Task, next: Task, now: Date): FilmState {
  const isBecome = (status: Task["status"]): number =>
    Number(next.status === status) - Number(before.status === status);
  const isSplit = before.chunk?.frameCount !== next.chunk?.frameCount;
  const isBegun = next.stages.process !== undefined;
  const frameCount = next.chunk?.frameCount ?? 0;
  return {
    ...state,
    chunkCount: state.chunkCount + Number(isSplit),
    splitCount: state.splitCount + Number(isSplit),
    runningCount: state.runningCount + isBecome("processing"),
    completedCount: state.completedCount + isBecome("completed"),
    failedCount: state.failedCount + isBecome("failed"),
    completedFrameCount: state.completedFrameCount + isBecome("completed") * frameCount,
    ...defined({ processBeganAt: state.processBeganAt ?? (isBegun ? now : undefined) }),
    ...(isBecome("completed") > 0 && { server: serverOfAll(state, next) }),
  };
}

function serverOfAll(state: FilmState, completed: Task): string | null {
  const server = serverOf(completed) ?? null;
  return state.completedCount === 0 || state.server === server ? server : null;
}

/** A film all of whose chunks are stored and have completed is to be joined; any other stays as it is. */
function beginJoin(task: Task, now: Date): Task {
  const { film } = task;
  if (film?.phase !== "render" || film.completedCount < film.chunkCount) return task;
  const durationMs = now.getTime() - (film.processBeganAt ?? now).getTime();
  const ended = { status: "success", progress: 100, durationMs } as const;
  const patch = { ...ended, detail: "Processing complete" };
  const shown = changeStage(task, "process", patch, overallProgress("process", 1));
  return { ...shown, film: { ...film, phase: "join" } };
}

/**
 * A film that one of its chunks has failed. Where it is still being cut, its holder keeps the lease and
 * with it the cleanup: nobody else cleans up what is still written to.
 */
function failFilm(task: Task, failed: Task, cause: TaskFailure, now: Date): Task {
  const freed = without(task, "slot", "dispatch", "uploadCheckpoint", "runningNode");
  const message = `Cannot process ${framesOf(failed.chunk)}: ${cause.message}`;
  return endFilm({
    ...freed,
    status: "failed",
    finishedAt: now,
    error: { code: cause.code, message },
    attempts: closeAttempt(task.attempts, cause.code, now),
    stages: endRunningStage(task.stages, "failed"),
  });
}

/** A film that has ended: of its chunks none counts as running, and it waits for its cleanup. */
export function endFilm(ended: Task): Task {
  if (ended.film === undefined) return ended;
  return { ...ended, cleanupPending: true, film: { ...ended.film, runningCount: 0 } };
}

function framesOf(chunk: Chunk | undefined): string {
  if (chunk === undefined) return "a part of the film";
  const { firstFrame, frameCount, startSeconds, durationSeconds } = chunk;
  const [from, to] = [startSeconds, startSeconds + durationSeconds].map((at) => at.toFixed(2));
  return `frames ${firstFrame} to ${firstFrame + frameCount - 1}, ${from} s to ${to} s`;
}
