import type { FilmColour, FilmFacts } from "../film-facts.js";

/** Code points of ISO/IEC 23091-2. */
const BT709 = 1;
const UNSPECIFIED = 2;
const SMPTE170M = 6;
/** From this height on players take a film that states no matrix for one of BT.709. */
const HD_HEIGHT = 720;
/** Of PyAV 10, whose FFmpeg is 5: it reads and writes every film as one of BT.601. */
const OLD_WRITER = /^Lavf(?:5[0-9])\./;

/**
 * The colours that a result really has. One that states its own is believed. ComfyUI before 0.35 states
 * none: with old packages it leaves the numbers of the source as they are, so that the source's tags
 * are right; with newer ones it always makes BT.601 of limited range.
 *
 * @param encoder the tag of the result's file that names what wrote it.
 */
export function colourTags(
  film: Pick<FilmFacts, "colour" | "height">,
  result: FilmColour,
  encoder: string | undefined,
): FilmColour {
  if (isStated(result.matrix) || isStated(result.primaries)) return result;
  const { primaries, transfer } = film.colour;
  const { matrix = film.height >= HD_HEIGHT ? BT709 : SMPTE170M } = film.colour;
  const isAsSource = film.colour.matrix === undefined || OLD_WRITER.test(encoder ?? "");
  return {
    ...(primaries !== undefined && { primaries }),
    ...(transfer !== undefined && { transfer }),
    matrix: isAsSource ? matrix : SMPTE170M,
    isFullRange: result.isFullRange ?? false,
  };
}

function isStated(codePoint: number | undefined): boolean {
  return codePoint !== undefined && codePoint !== UNSPECIFIED;
}
