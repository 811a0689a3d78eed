import type { FilmContainer } from "../../domain/film.js";
import type { Chapter } from "../film-facts.js";

/**
 * Puts chapters into a finished film that FFmpeg wrote and that has none. An MP4 gets the list that
 * Nero began to write, which has room for 255; an MKV gets an edition of its own, and an entry in its
 * table of contents. The film itself is not encoded, and its packets stay as they are.
 *
 * @throws TaskError DISK_FULL (MP4); any error for a file that is not as FFmpeg writes it.
 */
export async function writeChapters(
  path: string,
  container: FilmContainer,
  chapters: readonly Chapter[],
  signal: AbortSignal,
): Promise<void> {
  if (chapters.length === 0) return;
  if (container === "mp4") {
    const { addToMp4 } = await import("./add-to-mp4.js");
    await addToMp4(path, chapters, signal);
  } else {
    const { addToMatroska } = await import("./add-to-matroska.js");
    await addToMatroska(path, chapters, signal);
  }
}
