import { TaskError } from "../../domain/errors.js";
import { writeChapters } from "../chapters/write-chapters.js";
import type { FilmToJoin } from "./join-film.js";

/**
 * Puts the chapters of the source into the joined film.
 *
 * @param shiftSeconds by how much later than in the source everything is shown.
 * @returns notes for people: a film without its chapters is still a film.
 */
export async function putChapters(
  { film, outPath, container }: FilmToJoin,
  shiftSeconds: number,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const chapters = (film.chapters ?? []).map(({ title, startSeconds, endSeconds }) => ({
    ...{ title, startSeconds: startSeconds + shiftSeconds },
    ...(endSeconds !== undefined && { endSeconds: endSeconds + shiftSeconds }),
  }));
  try {
    await writeChapters(outPath, container, chapters, signal);
    return [];
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof TaskError) throw error;
    return ["The chapters of the film were left out, since they could not be written"];
  }
}
