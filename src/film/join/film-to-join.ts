import type { FilmContainer } from "../../domain/film.js";
import type { FilmFacts } from "../film-facts.js";

/** A result of a film or of a part of it. */
export interface FilmResult {
  readonly path: string;
  /** Its own frames, with which it begins. */
  readonly frameCount: number;
  /** Behind its own it has so many frames from before them, into which the result before fades. @default 0 */
  readonly leadCount?: number;
  /** Of its own frames the last so many fade into the next result. @default 0 */
  readonly fadingCount?: number;
}

/** A film that is to be put together. */
export interface FilmToJoin {
  readonly film: FilmFacts;
  /**
   * In the order of the film, all of one codec and size. They are read one at a time: when the next one
   * is asked for, the file of the one before may be removed.
   */
  readonly results: Iterable<FilmResult> | AsyncIterable<FilmResult>;
  /**
   * The source itself, or a file with its tracks but the picture, with the source's metadata; absent:
   * there is nothing to put back.
   */
  readonly restPath?: string;
  readonly outPath: string;
  readonly container: FilmContainer;
}

/** What a join has to say. */
export interface JoinedFilm {
  /** What of the source could not be kept as it was, for people. */
  readonly notes: readonly string[];
}
