import type { FilmFacts } from "../film-facts.js";

/**
 * Looks at a joined film as a whole: it has every frame of the source, each at its time, and decodes
 * wherever decoding can begin, so at every border between two results too.
 *
 * @param borders the frames with which results begin. @default only the first
 * @throws TaskError BAD_RESULT that says what is wrong.
 */
export async function checkFilm(
  path: string,
  film: FilmFacts,
  signal: AbortSignal,
  borders: readonly number[] = [0],
): Promise<void> {
  // Loading the library takes long, so it is loaded with the first film.
  const { lookAtWhole } = await import("./look-at-whole.js");
  await lookAtWhole(path, film, borders, signal);
}
