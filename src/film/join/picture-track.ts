import { isDeepStrictEqual } from "node:util";
import { AV_PKT_DATA_DISPLAYMATRIX } from "node-av/constants";
import { Dictionary, type Packet, Rational, type Stream } from "node-av/lib";
import { TaskError } from "../../domain/errors.js";
import type { FilmContainer } from "../../domain/film.js";
import type { FilmColour, FilmLook } from "../film-facts.js";
import { throwIfFailed } from "../media/media-error.js";
import type { MediaWriter } from "../media/media-writer.js";
import { replaceData } from "../media/replace-data.js";
import { colourTags } from "./colour-tags.js";
import { decodeDelay, decodeTimes } from "./decode-times.js";
import type { FilmClock } from "./film-clock.js";
import type { ResultPiece } from "./result-piece.js";
import { type ShownPicture, shownPicture } from "./shown-picture.js";
import { taggedSets } from "./tagged-sets.js";

/** The picture of the joined film: the packets of all results, at the film's own times. */
export class PictureTrack {
  readonly #film: FilmLook;
  readonly #clock: FilmClock;
  readonly #first: ResultPieceShape;
  readonly #track: Stream;
  readonly #colour: FilmColour;
  readonly #delay: number;
  /** Whether each key packet brings its own parameter sets, since they may differ between pieces. */
  readonly #isSelfContained: boolean;
  #frameCount = 0;

  /** Makes the track from the first result. */
  constructor(
    first: ResultPiece,
    track: Stream,
    { film, clock, isUpright, firstFrame, container }: PictureOptions,
  ) {
    const { codec, size } = first;
    this.#film = film;
    this.#clock = clock;
    this.#track = track;
    this.#first = { codec, size };
    // A fragment begins when its first frame is shown, for which the others are decoded in a hurry.
    this.#delay = firstFrame === undefined ? decodeDelay(first.ranks) : 0;
    this.#isSelfContained = firstFrame === undefined && first.ranks.length < clock.frameCount;
    this.#frameCount = firstFrame ?? 0;
    throwIfFailed(first.stream.codecpar.copy(track.codecpar), "copy the picture's track");
    track.codecpar.codecTag = 0;
    track.timeBase = new Rational(1, clock.timescale);
    setFrameRate(track, film);
    if (film.language) track.metadata = Dictionary.fromObject({ language: film.language });
    setShown(track, shownPicture(film, size, isUpright));
    this.#colour = colourTags(film, first.colour, first.encoder);
    // MKV states colours at its beginning, when it is not known yet whether all results are alike.
    const isLeftToPictures = container === "mkv" && this.#setsOf(first, this.#colour) !== undefined;
    setColour(track, isLeftToPictures ? undefined : this.#colour);
  }

  /** The frame with which the next result begins. */
  get frameCount(): number {
    return this.#frameCount;
  }

  /**
   * Writes packets of the next result.
   *
   * @param before called with the time at which each packet is decoded, in seconds, before it is written.
   * @param part the first packets, which are its first frames, of so many frames that the last of them is
   *   shown in place of those that are missing. @default all
   */
  async write(
    piece: ResultPiece,
    packet: Packet,
    writer: MediaWriter,
    before: (seconds: number) => Promise<void>,
    { packetCount, frameCount, looks = piece }: PicturePart = wholeOf(piece),
  ): Promise<void> {
    this.#refuseOther(piece);
    const colour = colourTags(this.#film, looks.colour, looks.encoder);
    const sets = this.#setsOf(piece, colour);
    // A container can state one kind of colours alone, so that it states none: what the pictures say counts.
    if (sets !== undefined && !isDeepStrictEqual(colour, this.#colour)) setColour(this.#track);
    const clock = this.#clock;
    const firstFrame = this.#frameCount;
    const ranks = piece.ranks.slice(0, packetCount);
    const shown = ranks.map((rank) => clock.timeOf(firstFrame + rank));
    const decoded = decodeTimes(shown, (frame) => this.#timeOf(frame), firstFrame, this.#delay);
    const endOf = (frame: number): number => clock.timeOf(frame) + clock.durationOf(frame);
    for (const [at, rank] of ranks.entries()) {
      const dts = decoded[at] ?? 0;
      await before(dts / clock.timescale);
      if (!piece.read(packet)) throw new Error("A result has fewer packets than it had");
      if (sets !== undefined && packet.isKeyframe && packet.data)
        replaceData(packet, Buffer.concat([sets, packet.data]));
      packet.pts = BigInt(clock.timeOf(firstFrame + rank));
      packet.dts = BigInt(dts);
      // A file of one result ends so long after its last packet as that one says.
      const isStretched = frameCount > packetCount && at + 1 === packetCount;
      const last = isStretched ? frameCount - 1 : rank;
      packet.duration = BigInt(endOf(firstFrame + last)) - packet.pts;
      packet.streamIndex = this.#track.index;
      packet.pos = -1n;
      writer.write(packet);
    }
    this.#frameCount += frameCount;
  }

  /** What each key packet brings with it; undefined: nothing. */
  #setsOf(piece: ResultPiece, colour: FilmColour): Buffer | undefined {
    return this.#isSelfContained ? taggedSets(piece, colour) : undefined;
  }

  /** Frames before the first would follow each other like the first two. */
  #timeOf(frame: number): number {
    const clock = this.#clock;
    return frame >= 0 ? clock.timeOf(frame) : clock.timeOf(0) + frame * clock.durationOf(0);
  }

  #refuseOther({ codec, size }: ResultPiece): void {
    const { codec: wanted, size: first } = this.#first;
    if (codec === wanted && size.width === first.width && size.height === first.height) return;
    throw new TaskError(
      "BAD_RESULT",
      `The chunks do not fit together: a result is ${codec} of ${size.width}x${size.height}, others are ${wanted} of ${first.width}x${first.height}`,
    );
  }
}

/** Which of a result's packets are taken, and how many frames they stand for. */
export interface PicturePart {
  readonly packetCount: number;
  readonly frameCount: number;
  /** The result that it looks like. @default itself */
  readonly looks?: ResultPiece;
}

function wholeOf({ ranks: { length } }: ResultPiece): PicturePart {
  return { packetCount: length, frameCount: length };
}

/** What decides how a film's picture is put together. */
export interface PictureOptions {
  readonly film: FilmLook;
  readonly clock: FilmClock;
  readonly isUpright?: boolean;
  /** @default mp4 */
  readonly container?: FilmContainer;
  /** Of the one result that the track has. @default it has all, and begins with the first frame */
  readonly firstFrame?: number;
}

/** The rate of a film of variable times is left out: that of its results means nothing. */
function setFrameRate(track: Stream, { frameRate }: FilmLook): void {
  const rate = new Rational(frameRate?.num ?? 0, frameRate?.den ?? 1);
  track.avgFrameRate = rate;
  track.codecpar.frameRate = rate;
}

type ResultPieceShape = Pick<ResultPiece, "codec" | "size">;

function setShown(track: Stream, { rotationDegrees, pixelAspect }: ShownPicture): void {
  const { codecpar } = track;
  const aspect = new Rational(pixelAspect.num, pixelAspect.den);
  track.sampleAspectRatio = aspect;
  codecpar.sampleAspectRatio = aspect;
  if (rotationDegrees === 0) return;
  const matrix = displayMatrix(rotationDegrees);
  throwIfFailed(codecpar.addCodedSideData(AV_PKT_DATA_DISPLAYMATRIX, matrix), "turn the picture");
}

/** Turns clockwise, as ISO/IEC 14496-12, 8.3.2 has it: fixed-point numbers, the last column of 2.30 bits. */
function displayMatrix(rotationDegrees: number): Buffer {
  const sine = [0, 1, 0, -1][rotationDegrees / 90] ?? 0;
  const cosine = [1, 0, -1, 0][rotationDegrees / 90] ?? 1;
  const one = 2 ** 16;
  const numbers = [cosine * one, sine * one, 0, -sine * one, cosine * one, 0, 0, 0, 2 ** 30];
  const matrix = Buffer.alloc(numbers.length * 4);
  for (const [at, number] of numbers.entries()) matrix.writeInt32LE(number, at * 4);
  return matrix;
}

const UNSPECIFIED = 2;
const [UNSPECIFIED_RANGE, LIMITED_RANGE, FULL_RANGE] = [0, 1, 2];

/** @param colour undefined: the container states none. */
function setColour({ codecpar }: Stream, colour?: FilmColour): void {
  const { primaries = UNSPECIFIED, transfer = UNSPECIFIED, matrix = UNSPECIFIED } = colour ?? {};
  const range = colour?.isFullRange ? FULL_RANGE : LIMITED_RANGE;
  Object.assign(codecpar, {
    ...{ colorPrimaries: primaries, colorTrc: transfer, colorSpace: matrix },
    colorRange: colour === undefined ? UNSPECIFIED_RANGE : range,
  });
}
