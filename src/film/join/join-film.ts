import type { FilmFacts } from "../film-facts.js";
import type { Rest } from "./rest-tracks.js";

/** A result of a film or of a part of it, which is fetched when its turn comes. */
export interface FilmResult {
  readonly frameCount: number;
  /** Brings the file; it is closed before the next one is opened. */
  open(signal: AbortSignal): Promise<{ readonly path: string } & AsyncDisposable>;
}

/** A film that is to be put together. */
export interface FilmToJoin {
  readonly film: FilmFacts;
  /** In the order of the film, all of one codec and size. */
  readonly results: readonly FilmResult[];
  /** Where the source's other tracks are; absent: it has none. */
  readonly rest?: Rest;
  readonly outPath: string;
  readonly container: "mp4" | "mkv";
  /** Whether the servers have turned the frames upright, where that is known. @default told from their size */
  readonly isUpright?: boolean;
}

/** What a join has to say. */
export interface JoinedFilm {
  /** What of the source could not be kept as it was, for people. */
  readonly notes: readonly string[];
}

/**
 * Puts a film together without encoding its picture: the packets of the results at the source's own
 * times, with its rotation, pixel aspect, colours, title and language, and its other tracks packet by
 * packet. Memory does not grow with the film but for its index; results are read one at a time.
 *
 * @throws TaskError BAD_RESULT where the results do not have the film's frames, DISK_FULL.
 */
export async function joinFilm(options: FilmToJoin, signal: AbortSignal): Promise<JoinedFilm> {
  // Loading the library takes long, so it is loaded with the first film.
  const { putTogether } = await import("./put-together.js");
  return await putTogether(options, signal);
}
