import type { CodecParameters } from "node-av";
import type { FilmFacts } from "../film-facts.js";

/** The clockwise turn that players give the picture, of the matrix in a track's header. */
export async function rotationOf(codecpar: CodecParameters): Promise<FilmFacts["rotationDegrees"]> {
  const { AV_PKT_DATA_DISPLAYMATRIX } = await import("node-av");
  const matrix = codecpar.getCodedSideData(AV_PKT_DATA_DISPLAYMATRIX);
  if (matrix === null || matrix.length < 8) return 0;
  // Its first row is the cosine and the sine of the turn, scaled alike.
  const degrees = (Math.atan2(matrix.readInt32LE(4), matrix.readInt32LE(0)) * 180) / Math.PI;
  const quarter = ((Math.round(degrees / 90) % 4) + 4) % 4;
  return ([0, 90, 180, 270] as const)[quarter] ?? 0;
}
