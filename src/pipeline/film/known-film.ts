import type { FilmFacts } from "../../film/film-facts.js";
import { readFilm } from "../../film/read/read-film.js";
import type { ReadyInput } from "../download-stage.js";
import type { WorkDir } from "../work-dir.js";

/** The name of the note beside the input. */
export const FILM_NOTE = "film.json";

/** What is known of a film's picture: read once, and then kept beside its file. */
export async function knownFilm(
  { path }: Pick<ReadyInput, "path">,
  workDir: WorkDir,
  signal: AbortSignal,
): Promise<FilmFacts> {
  const noted = await notedFilm(workDir);
  if (noted !== undefined) return noted;
  const film = await readFilm(path, signal);
  await workDir.writeNote(FILM_NOTE, film);
  return film;
}

/** What was read of a film's picture; undefined: it was not read here. */
export async function notedFilm(workDir: WorkDir): Promise<FilmFacts | undefined> {
  return (await workDir.readNote(FILM_NOTE)) as FilmFacts | undefined;
}
