import { chunkId, filmFolder } from "../../domain/film.js";

/** The objects in which a film is kept from its cut to its end; extensions are with the dot. */
export const filmObjects = {
  /** What is known of its picture, as JSON. */
  facts: (film: string): string => `${filmFolder(film)}film.json`,
  /** All its tracks but the picture. */
  rest: (film: string, extension: string): string => `${filmFolder(film)}rest${extension}`,
  /** What a chunk's prompt reads. */
  piece: (film: string, index: number, extension: string): string =>
    `${filmFolder(film)}piece-${digits(film, index)}${extension}`,
  /** What a chunk's prompt made: that of another prompt is another object. */
  result: (film: string, index: number, promptId: string, extension: string): string =>
    `${filmFolder(film)}result-${digits(film, index)}-${promptId.slice(0, 8)}${extension}`,
};

function digits(film: string, index: number): string {
  return chunkId(film, index).slice(film.length + 1);
}
