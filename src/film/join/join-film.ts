import type { FilmToJoin, JoinedFilm } from "./film-to-join.js";

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
