import type { ColourDepth } from "../../domain/film.js";
import type { FilmFacts } from "../../film/film-facts.js";
import { defined } from "../../lib/defined.js";

/** High dynamic ranges by their transfer function, as ISO/IEC 23091-2 numbers it: PQ and HLG. */
const HDR_TRANSFERS: ReadonlySet<number | undefined> = new Set([16, 18]);
const PLAIN_BITS = 8;

/** What a film loses whatever server computes it, for the notes of the task. */
export function lossesOf({ isInterlaced, hasAlpha }: FilmFacts): readonly string[] {
  return [
    ...(isInterlaced ? ["The film is interlaced: its frames were enlarged as they are"] : []),
    ...(hasAlpha ? ["The film's alpha was dropped"] : []),
  ];
}

/** What a server has to keep of a film's colours; undefined: no more than any server does. */
export function depthOf({
  bitDepth,
  colour: { transfer },
}: Pick<FilmFacts, "bitDepth" | "colour">): ColourDepth | undefined {
  if (bitDepth <= PLAIN_BITS && !HDR_TRANSFERS.has(transfer)) return undefined;
  return { bitDepth, ...defined({ transfer }) };
}
