import type { FilmFacts } from "../film-facts.js";

/**
 * Looks at a joined film as a whole: it has every frame of the source, each at its time, and decodes
 * wherever decoding can begin, so at every border between two results too.
 *
 * @throws TaskError BAD_RESULT that says what is wrong.
 */
export async function checkFilm(path: string, film: FilmFacts, signal: AbortSignal): Promise<void> {
  // Loading the library takes long, so it is loaded with the first film.
  const { lookAtWhole } = await import("./look-at-whole.js");
  await lookAtWhole(path, film, signal);
}
