import { existsSync } from "node:fs";
import { rename } from "node:fs/promises";
import { TaskError } from "../../domain/errors.js";
import type { FilmContainer } from "../../domain/film.js";
import { checkFilm } from "../../film/join/check-film.js";
import { joinFilm } from "../../film/join/join-film.js";
import type { Logger } from "../../lib/logger.js";
import type { ReadyInput } from "../download-stage.js";
import type { WorkDir } from "../work-dir.js";
import { knownFilm } from "./known-film.js";
import { isStorageFault } from "./patiently.js";
import { countFrames } from "./require-frames.js";

/** A film that one prompt made, and what of its source is put back. */
export interface FilmToRestore {
  /** The server's file, which stays. */
  readonly path: string;
  /** Brings the source, where it is not here any more. */
  readonly source: () => Promise<ReadyInput>;
  readonly workDir: WorkDir;
  readonly container: FilmContainer;
}

/** The file to be stored, and what there is to say of it. */
export interface RestoredFilm {
  readonly path: string;
  readonly notes: readonly string[];
}

/**
 * Puts back what ComfyUI loses of a film: its times, its sound and other tracks, how it is turned, its
 * colours. Where that cannot be, the server's own file counts, and a note says so.
 */
export async function restoreFilm(
  { path, source, workDir, container }: FilmToRestore,
  logger: Logger,
  signal: AbortSignal,
): Promise<RestoredFilm> {
  const restored = `${path}.film`;
  if (existsSync(restored)) return { path: restored, notes: [] };
  try {
    const input = await source();
    const film = await knownFilm(input, workDir, signal);
    const frameCount = await countFrames(path);
    const { length } = film.times;
    if (frameCount !== length)
      return asItIs(path, `the result has ${frameCount} frames and the film ${length}`);
    const part = `${restored}.part`;
    const results = [{ path, frameCount }];
    const joined = { film, results, restPath: input.path, outPath: part, container };
    const { notes } = await joinFilm(joined, signal);
    await checkFilm(part, film, signal);
    await rename(part, restored);
    return { path: restored, notes };
  } catch (error) {
    signal.throwIfAborted();
    if (isStorageFault(error)) throw error;
    logger.warn({ err: error }, "film stored as the server made it");
    return asItIs(path, reasonOf(error));
  }
}

function asItIs(path: string, reason: string): RestoredFilm {
  const note = `Sound and times are as ComfyUI gave them back, since ${reason}`;
  return { path, notes: [note] };
}

function reasonOf(error: unknown): string {
  const isSource = error instanceof TaskError && error.code.startsWith("INPUT_");
  return isSource
    ? `the film is no longer where it was (${error.code})`
    : "the two do not go together";
}
