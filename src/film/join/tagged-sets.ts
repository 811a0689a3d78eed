import { BitStreamFilter, BitStreamFilterContext } from "node-av/lib";
import type { FilmColour } from "../film-facts.js";
import { throwIfFailed } from "../media/media-error.js";
import { nalUnits } from "../read/nal-units.js";
import { lengthPrefixed, parameterSets } from "./parameter-sets.js";
import type { ResultPiece } from "./result-piece.js";

/** FFmpeg's filters that write what a stream says of its colours. */
const FILTERS: Readonly<Record<string, string>> = { h264: "h264_metadata", hevc: "hevc_metadata" };

/**
 * The parameter sets of a result as {@link parameterSets}, which say what its colours are: servers of one
 * film may make different ones of it, and its container can state but one kind.
 */
export function taggedSets(
  { codec, stream, configuration }: Pick<ResultPiece, "codec" | "stream" | "configuration">,
  colour: FilmColour,
): Buffer | undefined {
  const sets = parameterSets(codec, configuration);
  const filter = BitStreamFilter.getByName(FILTERS[codec] ?? "");
  if (sets === undefined || filter === null) return sets;
  using context = new BitStreamFilterContext();
  throwIfFailed(context.alloc(filter), "tag the colours");
  const input = context.inputCodecParameters;
  if (input === null) return sets;
  throwIfFailed(stream.codecpar.copy(input), "tag the colours");
  for (const [name, value] of Object.entries(optionsFor(colour))) context.setOption(name, value);
  throwIfFailed(context.init(), "tag the colours");
  const tagged = context.outputCodecParameters?.extradata;
  // The filter puts start codes between them.
  return tagged ? lengthPrefixed(nalUnits(tagged, undefined)?.map(withoutPadding) ?? []) : sets;
}

const UNSPECIFIED = 2;

function optionsFor({ primaries, transfer, matrix, isFullRange }: FilmColour) {
  return {
    colour_primaries: String(primaries ?? UNSPECIFIED),
    transfer_characteristics: String(transfer ?? UNSPECIFIED),
    matrix_coefficients: String(matrix ?? UNSPECIFIED),
    video_full_range_flag: isFullRange ? "1" : "0",
  };
}

/** A start code may be longer by a zero, which stands at the end of the unit before it. */
function withoutPadding(unit: Buffer): Buffer {
  let end = unit.length;
  while (unit[end - 1] === 0) end -= 1;
  return unit.subarray(0, end);
}
