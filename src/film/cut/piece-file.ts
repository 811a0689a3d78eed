import type { CodecParameters, FormatContext, IOContext, Packet, Stream } from "node-av";
import type { FilmContainer } from "../../domain/film.js";
import type { FilmFacts, Ratio } from "../film-facts.js";
import { throwIfFailed } from "../media/media-error.js";
import type { PlannedPiece } from "../plan/plan-pieces.js";

/** MP4 is what every server reads; these codecs fit into it. */
const MP4_CODECS: ReadonlySet<string> = new Set(["h264", "hevc", "vp9", "av1", "mpeg4"]);

/** The container of a piece; also the extension of its file. */
export function pieceContainer(
  { codec }: Pick<FilmFacts, "codec">,
  { source }: Pick<PlannedPiece, "source">,
): FilmContainer {
  return MP4_CODECS.has(codec) && !source.isEncoded ? "mp4" : "mkv";
}

/**
 * The frame rate of all pieces of a film. Pieces keep no times, only the order, so that the results of
 * a film of variable rate are alike: an encoder writes the rate into each.
 */
export function pieceRate({ frameRate }: Pick<FilmFacts, "frameRate">): Ratio {
  const { num, den } = frameRate ?? PLAIN_RATE;
  return num >= den && num <= den * MAX_RATE ? { num, den } : PLAIN_RATE;
}

const PLAIN_RATE: Ratio = { num: 24, den: 1 };
const MAX_RATE = 120;

/** The file of a piece that is being written: `write` for each packet, then `finish`. */
export interface PieceFile extends AsyncDisposable {
  readonly stream: Stream;
  /** Takes a packet with times in ticks of `timeBase`. */
  write(packet: Packet, timeBase: Ratio): Promise<void>;
  finish(): Promise<void>;
}

/**
 * Begins a file of one picture track. It says nothing of rotation and pixel aspect: a piece shows its
 * frames as they are stored, on every server, and the join puts back what players need.
 */
export async function beginPiece(
  path: string,
  container: FilmContainer,
  codecpar: CodecParameters,
  rate: Ratio,
): Promise<PieceFile> {
  const { AVIO_FLAG_WRITE, FormatContext, IOContext, Rational } = await import("node-av");
  const format = new FormatContext();
  const io = new IOContext();
  const check = (result: number) => throwIfFailed(result, "write a piece of the film");
  let isOpen = false;
  const dispose = async () => {
    if (isOpen) await closeFile(format, io);
    isOpen = false;
  };
  try {
    check(format.allocOutputContext2(null, container === "mkv" ? "matroska" : "mp4", path));
    // Matroska would move everything so that no packet is decoded before 0.
    check(format.setOption("avoid_negative_ts", "disabled"));
    isOpen = true;
    check(await io.open2(`file:${path}`, AVIO_FLAG_WRITE));
    format.pb = io;
    const stream = format.newStream();
    check(codecpar.copy(stream.codecpar));
    await describeAsStored(stream);
    stream.timeBase = new Rational(rate.den, rate.num);
    stream.avgFrameRate = new Rational(rate.num, rate.den);
    check(await format.writeHeader());
    const write = async (packet: Packet, timeBase: Ratio) => {
      packet.streamIndex = stream.index;
      packet.rescaleTs(timeBase, stream.timeBase);
      check(format.writeFrameSync(packet));
    };
    const finish = async () => check(await format.writeTrailer());
    return { stream, write, finish, [Symbol.asyncDispose]: dispose };
  } catch (thrown) {
    await dispose();
    throw thrown;
  }
}

async function closeFile(format: FormatContext, io: IOContext): Promise<void> {
  format.pb = null;
  await io.closep();
  format.freeContext();
}

const MATRIX_BYTES = 36;

async function describeAsStored(stream: Stream): Promise<void> {
  const { AV_PKT_DATA_DISPLAYMATRIX, Rational } = await import("node-av");
  const { codecpar } = stream;
  codecpar.codecTag = 0;
  codecpar.sampleAspectRatio = new Rational(0, 1);
  stream.sampleAspectRatio = new Rational(0, 1);
  if (codecpar.getCodedSideData(AV_PKT_DATA_DISPLAYMATRIX) === null) return;
  // The matrix cannot be taken away; this one turns nothing.
  const upright = Buffer.alloc(MATRIX_BYTES);
  for (const [at, value] of [65_536, 0, 0, 0, 65_536, 0, 0, 0, 2 ** 30].entries())
    upright.writeInt32LE(value, at * 4);
  codecpar.addCodedSideData(AV_PKT_DATA_DISPLAYMATRIX, upright);
}
