import type { Task } from "../../src/domain/task.js";
import type { NewChunk } from "../../src/store/film-queue.js";
import type { NewTask } from "../../src/store/task-intake.js";
import type { Fence, LeaseRequest } from "../../src/store/task-queue.js";
import type { TaskStore } from "../../src/store/task-store.js";
import { aLease, createOne, fenceOf } from "./task-store-builders.js";

export const CHUNK_FRAMES = 100;
const CHUNK_SECONDS = 4;

/** A chunk of 100 frames and four seconds, in a row with those before it. */
export function aChunk(film: string, index: number, overrides: Partial<NewChunk> = {}): NewChunk {
  return {
    ...{ film, index, firstFrame: index * CHUNK_FRAMES, frameCount: CHUNK_FRAMES },
    ...{ skipCount: 0, beforeCount: 0, afterCount: 0 },
    ...{ startSeconds: index * CHUNK_SECONDS, durationSeconds: CHUNK_SECONDS },
    pieceKey: `work/${film}/piece-${String(index).padStart(6, "0")}.mp4`,
    ...overrides,
  };
}

export function someChunks(film: string, count: number): NewChunk[] {
  return Array.from({ length: count }, (_, index) => aChunk(film, index));
}

/** Creates a film and leases it to be cut; nothing else may be due. */
export async function leaseFilm(
  store: TaskStore,
  overrides: Partial<NewTask> = {},
): Promise<Fence> {
  const { taskId, workflow } = await createOne(store, { type: "video", ...overrides });
  const task = await store.lease(aLease({ owner: "cutter", workflows: [workflow] }));
  if (task?.taskId !== taskId) throw new Error("Leased another task or none");
  return fenceOf(task);
}

/** Creates a film that waits for its chunks, all of which are stored; nothing else may be due. */
export async function cutFilm(
  store: TaskStore,
  chunkCount: number,
  overrides: Partial<NewTask> = {},
): Promise<string> {
  const fence = await leaseFilm(store, overrides);
  await cutLeased(store, fence, chunkCount);
  return fence.taskId;
}

/** Stores all chunks of a film that is held. */
export async function cutLeased(store: TaskStore, fence: Fence, chunkCount: number): Promise<void> {
  const chunks = someChunks(fence.taskId, chunkCount);
  await store.addChunks(fence, chunks, chunkCount * CHUNK_FRAMES);
  await store.settle(fence, { kind: "cut" });
}

/** Leases the chunk whose turn it is. */
export async function leaseChunk(
  store: TaskStore,
  overrides: Partial<LeaseRequest> = {},
): Promise<Task> {
  const task = await store.lease(aLease(overrides));
  if (task?.chunk === undefined) throw new Error("No chunk is due");
  return task;
}
