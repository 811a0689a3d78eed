import type { Chunk } from "../domain/film.js";
import type { ChunkTask, Task } from "../domain/task.js";
import type { Fence, WriteResult } from "./task-queue.js";

/** A chunk to be stored: what it does not take from its film. */
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
   * The task or chunk of an id, for whoever runs it: {@link TaskReading.get} knows tasks alone, since
   * it answers clients.
   */
  getUnit(taskId: string): Promise<Task | undefined>;

  /**
   * Stores chunks of a film that the caller holds and that is being cut, in the order of their
   * indices, without a gap after those that are stored. A chunk that is stored already stays as it is.
   * Workflow, parameters, priority and place in the queue are the film's. Chunks that are stored are
   * progress of the film: its `takeovers` are 0 again.
   *
   * @param chunks none of them only begins the film: from then on its end leaves a cleanup to do. Call
   *   it so before the first object of the film is stored.
   * @param frameCount of the whole film.
   * @throws TaskError STORE_WITHOUT_TRANSACTIONS by a store that cannot write several at once.
   */
  addChunks(fence: Fence, chunks: readonly NewChunk[], frameCount: number): Promise<WriteResult>;

  /** The chunks of a film by their first frame; none if it has none. */
  chunks(filmId: string): Promise<readonly ChunkTask[]>;

  /**
   * Splits a chunk that the caller holds: it becomes pending with its first half, and the second is
   * a new chunk of the same piece. Both begin anew: slot, prompt, attempts spent and what is remembered
   * of failures are gone. The answer is `canceled` where the film has ended, and nothing changes.
   */
  splitChunk(fence: Fence, first: Chunk, second: Omit<Chunk, "index">): Promise<WriteResult>;

  /**
   * Cancels up to `limit` chunks, of a film that has ended, that have not.
   *
   * @returns how many have not ended yet or still wait for their own cleanup, those of a film that has
   *   not ended, too; more than `limit` need not be counted.
   */
  endChunks(filmId: string, limit: number): Promise<number>;
}
