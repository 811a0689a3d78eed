import type { FilmContainer } from "../../domain/film.js";
import type { FilmFacts } from "../film-facts.js";

/** The container of the rest of a film; also the extension of its file. */
export function restContainer({ container }: Pick<FilmFacts, "container">): FilmContainer {
  return container === "mp4" || container === "mov" ? "mp4" : "mkv";
}
