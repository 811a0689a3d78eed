import { AVMEDIA_TYPE_VIDEO, type Frame } from "node-av";
import { openFilm } from "../../../src/film/read/open-film.js";
import { openForReading } from "./libav.js";
import { decodeTrack } from "./read-film-clip.js";

/** Red, green and blue, 0 to 255. */
export type Colour = readonly [red: number, green: number, blue: number];

/** ISO/IEC 23091-2. */
const BT709 = 1;

/** The mean colour of each frame, as a player shows it that goes by what the pictures say of themselves. */
export async function readColours(path: string): Promise<readonly Colour[]> {
  const input = await openForReading(path);
  const stream = input.streams.find(({ codecpar }) => codecpar.codecType === AVMEDIA_TYPE_VIDEO);
  if (stream === undefined) throw new Error("There is no picture");
  const colours: Colour[] = [];
  await decodeTrack(input, stream, (frame) => colours.push(colourOf(frame)));
  return colours;
}

/** The matrix that the container of a film states, by the code points of ISO/IEC 23091-2; 2: none. */
export async function statedMatrix(path: string): Promise<number> {
  await using film = await openFilm(path, new AbortController().signal, { isProbed: false });
  return film.picture.codecpar.colorSpace;
}

function colourOf(frame: Frame): Colour {
  const size = frame.width * frame.height;
  const planes = frame.toBuffer();
  const y = (meanOf(planes.subarray(0, size)) - 16) / 219;
  const [u, v] = [0, 1].map(
    (at) => (meanOf(planes.subarray(size * (1 + at / 4), size * (1.25 + at / 4))) - 128) / 224,
  ) as [number, number];
  const [kr, kb] = frame.colorSpace === BT709 ? [0.2126, 0.0722] : [0.299, 0.114];
  const [red, blue] = [y + v * (2 - 2 * kr), y + u * (2 - 2 * kb)];
  const green = (y - kr * red - kb * blue) / (1 - kr - kb);
  return [red * 255, green * 255, blue * 255];
}

function meanOf(samples: Uint8Array): number {
  return samples.reduce((sum, sample) => sum + sample, 0) / samples.length;
}
