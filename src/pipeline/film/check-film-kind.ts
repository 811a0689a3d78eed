import { TaskError } from "../../domain/errors.js";
import type { FilmFacts } from "../../film/film-facts.js";

/** High dynamic ranges by their transfer function, as ISO/IEC 23091-2 numbers it. */
const HDR_NAMES: ReadonlyMap<number | undefined, string> = new Map([
  [16, "PQ"],
  [18, "HLG"],
]);
const BITS_KEPT = 8;

/**
 * Refuses a film that would come back with less than it has, before a GPU is asked.
 *
 * @returns what is lost all the same, for the notes of the task.
 * @throws TaskError INPUT_TYPE_UNSUPPORTED
 */
export function checkFilmKind({
  bitDepth,
  colour,
  isInterlaced,
  hasAlpha,
}: FilmFacts): readonly string[] {
  const hdr = HDR_NAMES.get(colour.transfer);
  if (hdr !== undefined)
    throw refused(`it has a high dynamic range (${hdr}), of which 8 bits would be left`);
  if (bitDepth > BITS_KEPT)
    throw refused(`it has more than 8 bits for a colour (${bitDepth}), of which 8 would be left`);
  return [
    ...(isInterlaced ? ["The film is interlaced: its frames were enlarged as they are"] : []),
    ...(hasAlpha ? ["The film's alpha was dropped"] : []),
  ];
}

function refused(what: string): TaskError {
  return new TaskError("INPUT_TYPE_UNSUPPORTED", `Cannot use input: ${what}`);
}
