import type { Chunk } from "../domain/film.js";
import type { Task } from "../domain/task.js";
import type { Fence, WriteResult } from "./task-queue.js";

/** What a film's chunks are made of beside what they take from the film. */
export interface NewChunk extends Chunk {
  /** The variant of the workflow that all chunks of the film run; absent: the workflow has none. */
  readonly variant?: string;
}

/**
 * The part of a store for films that run as several chunks. A chunk is a unit of the queue like any
 * task, with an id that no client can name; lists, counts and the age of the queue leave chunks out.
 * Every visible change of a chunk (lease, stage, settle) changes its film in the same atomic step:
 * how many run and have completed, the progress by frames, and with the last one that completes the
 * phase `join`, in which any process may take the film over. A chunk that fails for good fails its
 * film. A film that has ended keeps `cleanupPending` until {@link TaskQueue.finishCleanup}.
 */
export interface FilmQueue {
  /**
   * Stores chunks of a film that the caller holds and that is being cut. A chunk that is stored
   * already stays as it is. Workflow, parameters, priority and place in the queue are the film's.
   * Every call is progress of the film: its `takeovers` are 0 again.
   *
   * @param frameCount of the whole film.
   * @throws TaskError STORE_WITHOUT_TRANSACTIONS by a store that cannot write several at once.
   */
  addChunks(fence: Fence, chunks: readonly NewChunk[], frameCount: number): Promise<WriteResult>;

  /** The chunks of a film by their first frame; none if it has none. */
  chunks(filmId: string): Promise<readonly Task[]>;

  /**
   * Splits a chunk that the caller holds: it becomes pending with its first half, and the second is
   * a new chunk of the same piece. What it remembers of failures for memory is forgotten.
   */
  splitChunk(fence: Fence, first: Chunk, second: Omit<Chunk, "index">): Promise<WriteResult>;

  /**
   * Cancels up to `limit` chunks, of a film that has ended, that have not.
   *
   * @returns how many have not ended yet or still wait for their own cleanup.
   */
  endChunks(filmId: string, limit: number): Promise<number>;
}
