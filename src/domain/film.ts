import type { ColourDepth } from "./colour-depth.js";

/** In which container a film comes back. */
export type FilmContainer = "mp4" | "mkv";

/**
 * Where a film is that runs as several chunks: `cut`, its holder plans it and stores its pieces;
 * `render`, all are stored and it waits for its chunks, without a lease; `join`, all chunks have
 * completed and it waits for a process to join them, or is being joined.
 */
export type FilmPhase = "cut" | "render" | "join";

/** What a task keeps of its chunks: a film that runs as one prompt has none. */
export interface FilmState {
  readonly phase: FilmPhase;
  /** Chunks that are known so far; all of them once the phase is no longer `cut`. */
  readonly chunkCount: number;
  readonly completedCount: number;
  readonly runningCount: number;
  readonly failedCount: number;
  /** How many of them came from splitting one in two. */
  readonly splitCount: number;
  /** Frames of the whole film, and of its completed chunks. */
  readonly frameCount: number;
  readonly completedFrameCount: number;
  /** When its first prompt was begun, from which `process` counts. */
  readonly processBeganAt?: Date;
  /** Which server ran the chunks that have completed; null: several; absent: none has completed. */
  readonly server?: string | null;
}

/** A part of a film that one prompt computes. It is frozen when it is stored: every try sees the same. */
export interface Chunk {
  /** The task id of the film. */
  readonly film: string;
  /**
   * From 0 without a gap, in the order of cutting. A chunk that was split in two keeps its index for
   * the first half; those of second halves count down from {@link MAX_CHUNK_INDEX}.
   */
  readonly index: number;
  /** Its frames of the film, in the order in which they are shown. */
  readonly firstFrame: number;
  readonly frameCount: number;
  /** Frames of its piece before those that the network is given. */
  readonly skipCount: number;
  /** Frames that the network is given before and after its own, and that are no part of the result. */
  readonly beforeCount: number;
  readonly afterCount: number;
  /**
   * Of those before, the last so many are in the result too, behind its own: the end of the chunk before
   * fades into them. Absent: none.
   */
  readonly leadCount?: number;
  /** When its first frame is shown, and for how long its frames are, in seconds of the film. */
  readonly startSeconds: number;
  readonly durationSeconds: number;
  /** Frames a second of its result, the same for all chunks of the film; absent: as the piece has it. */
  readonly fps?: number;
  /** As {@link InputFacts.depth} of the film. */
  readonly depth?: ColourDepth;
  /** The object of the piece of the film that its prompt reads. */
  readonly pieceKey: string;
}

/** The highest index of a chunk. */
export const MAX_CHUNK_INDEX = 999_999;

const CHUNK_ID = /^[0-9a-f]{32}-[0-9]{6}$/;
const FILM_ID_LENGTH = 32;

/** The id of a chunk: of the form of no task's, so that no client can name one. */
export function chunkId(film: string, index: number): string {
  return `${film}-${String(index).padStart(6, "0")}`;
}

/** Whether an id is that of a chunk. */
export function isChunkId(taskId: string): boolean {
  return CHUNK_ID.test(taskId);
}

/** The task that clients know: the film of a chunk, or the task itself. */
export function filmIdOf(taskId: string): string {
  return taskId.slice(0, FILM_ID_LENGTH);
}

/**
 * The folder of the storage that holds a film's pieces and results until its end. It is not `work/`:
 * where results are kept on the local disk, that is where the work directories of tasks are.
 */
export function filmFolder(film: string): string {
  return `films/${film}/`;
}
