import type { CodecParameters } from "node-av";
import type { FilmFacts } from "../film-facts.js";
import { openFilm } from "./open-film.js";
import { turnOfPictures } from "./picture-turn.js";

/**
 * The clockwise turn that players give the picture: that of the matrix in a track's header, or where there
 * is none that of the first picture.
 */
export async function rotationOf(
  codecpar: CodecParameters,
  path: string,
  signal: AbortSignal,
): Promise<FilmFacts["rotationDegrees"]> {
  const { AV_CODEC_ID_H264, AV_PKT_DATA_DISPLAYMATRIX } = await import("node-av");
  const matrix = codecpar.getCodedSideData(AV_PKT_DATA_DISPLAYMATRIX);
  if (matrix !== null && matrix.length >= 8) return turnOfMatrix(matrix);
  return codecpar.codecId === AV_CODEC_ID_H264 ? await turnOfFirst(path, signal) : 0;
}

async function turnOfFirst(
  path: string,
  signal: AbortSignal,
): Promise<FilmFacts["rotationDegrees"]> {
  const { Packet } = await import("node-av");
  await using film = await openFilm(path, signal, { isProbed: false });
  using packet = new Packet();
  packet.alloc();
  for (let read = 0; read < MAX_PACKETS; read += 1) {
    if (film.format.readFrameSync(packet) < 0) return 0;
    const { data } = packet;
    if (packet.streamIndex === film.picture.index && data)
      return turnOfPictures(data, film.picture.codecpar.extradata);
    packet.unref();
  }
  return 0;
}

/** Of all tracks, before the first of the picture. */
const MAX_PACKETS = 1000;

function turnOfMatrix(matrix: Buffer): FilmFacts["rotationDegrees"] {
  // Its first row is the cosine and the sine of the turn, scaled alike.
  const degrees = (Math.atan2(matrix.readInt32LE(4), matrix.readInt32LE(0)) * 180) / Math.PI;
  const quarter = ((Math.round(degrees / 90) % 4) + 4) % 4;
  return ([0, 90, 180, 270] as const)[quarter] ?? 0;
}
