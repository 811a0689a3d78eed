import { setTimeout as sleep } from "node:timers/promises";
import { filmFolder, filmIdOf, isChunkId } from "../../../domain/film.js";
import { backoffMs } from "../../../lib/backoff.js";
import type { Logger } from "../../../lib/logger.js";
import type { UploadContext } from "../../../pipeline/upload-stage.js";
import type { WorkDirs } from "../../../pipeline/work-dir.js";
import type { FilmQueue } from "../../../store/film-queue.js";

/** What ending a film works with. */
export interface EndFilmContext {
  readonly store: Pick<FilmQueue, "endChunks">;
  readonly upload: Pick<UploadContext, "storage">;
  readonly workDirs: Pick<WorkDirs, "leftovers" | "remove">;
  readonly stopSignal: AbortSignal;
  readonly logger: Logger;
}

/** Chunks that are canceled at a time. */
const BATCH = 100;
const PAUSE = { baseMs: 100, capMs: 2_000 };

/**
 * Cancels what is left of an ended film's chunks, waits until their servers are free of them, and
 * removes its pieces and results. What fails is tried again until it succeeds or the process stops.
 */
export async function endFilm(
  film: string,
  { store, upload: { storage }, workDirs, stopSignal, logger }: EndFilmContext,
): Promise<void> {
  const steps = [
    async () => (await store.endChunks(film, BATCH)) === 0,
    async () => {
      for await (const { key } of storage.list(filmFolder(film), stopSignal))
        await storage.remove(key, stopSignal);
      return true;
    },
    // A chunk that only waited, for a retry or after it was handed back, may have left files here.
    async () => {
      for (const taskId of await workDirs.leftovers())
        if (isChunkId(taskId) && filmIdOf(taskId) === film) await workDirs.remove(taskId);
      return true;
    },
  ];
  for (const step of steps)
    for (let tries = 1; !(await hasSucceeded(step, film, logger)); tries += 1) {
      if (stopSignal.aborted) return;
      const pauseMs = backoffMs(tries, PAUSE);
      await sleep(pauseMs, undefined, { signal: stopSignal }).catch(() => undefined);
    }
}

async function hasSucceeded(
  step: () => Promise<boolean>,
  film: string,
  logger: Logger,
): Promise<boolean> {
  try {
    return await step();
  } catch (error) {
    logger.info({ taskId: film, err: error }, "film not cleaned up yet");
    return false;
  }
}
