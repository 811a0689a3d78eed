import { FileBytes } from "../../lib/file-bytes.js";
import type { Chapter } from "../film-facts.js";
import type { OpenFilm } from "../read/open-film.js";
import { matroskaChapters } from "./matroska-chapters.js";
import { neroChapters } from "./nero-chapters.js";

/** More are no chapters that people made. */
const MAX_CHAPTERS = 10_000;

/**
 * Reads the chapters of a film, which FFmpeg's library does not give. In MP4 and MOV they are a track of
 * texts, or a list; players prefer the track.
 *
 * @returns in the order of time; none where they are damaged.
 */
export async function readChapters(
  path: string,
  open: OpenFilm,
  isMatroska: boolean,
  signal: AbortSignal,
): Promise<readonly Chapter[]> {
  using file = new FileBytes(path);
  const found = isMatroska
    ? await matroskaChapters(file, signal)
    : await firstNotEmpty([
        async () => {
          const { quickTimeChapters } = await import("./quicktime-chapters.js");
          return await quickTimeChapters(path, open, signal);
        },
        () => neroChapters(file, signal),
      ]);
  const ordered = [...found].sort((a, b) => a.startSeconds - b.startSeconds);
  return ordered.slice(0, MAX_CHAPTERS);
}

async function firstNotEmpty(
  readers: readonly (() => Promise<readonly Chapter[]>)[],
): Promise<readonly Chapter[]> {
  for (const read of readers) {
    const chapters = await read();
    if (chapters.length > 0) return chapters;
  }
  return [];
}
