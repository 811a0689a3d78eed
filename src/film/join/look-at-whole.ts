import { AVERROR_EOF } from "node-av/constants";
import { Codec, CodecContext, Frame, Packet, type Stream } from "node-av/lib";
import { TaskError } from "../../domain/errors.js";
import type { FilmContainer } from "../../domain/film.js";
import type { FilmFacts } from "../film-facts.js";
import { takeBreaths } from "../media/breath.js";
import { throwIfFailed } from "../media/media-error.js";
import { MediaReader } from "../media/media-reader.js";
import { filmClock } from "./film-clock.js";
import { isPicture } from "./result-piece.js";

/** {@link checkFilm}, once the library is loaded. */
export async function lookAtWhole(
  path: string,
  film: FilmFacts,
  borders: readonly number[],
  signal: AbortSignal,
): Promise<void> {
  await using reader = await MediaReader.open(path);
  const stream = reader.streams.find(isPicture);
  if (stream === undefined) throw badFilm("has no picture");
  const breathe = takeBreaths(signal);
  using packet = new Packet();
  packet.alloc();
  using decoder = new KeyDecoder(stream);
  const ticks: number[] = [];
  const keys = new Set<number>();
  while (reader.read(packet)) {
    if (packet.streamIndex !== stream.index) continue;
    ticks.push(Number(packet.pts));
    if (packet.isKeyframe) {
      keys.add(Number(packet.pts));
      if (!(await decoder.decodes(packet))) throw badFilm(`does not decode at tick ${packet.pts}`);
    }
    await breathe();
  }
  // In the order in which they are shown from here on.
  ticks.sort((a, b) => a - b);
  const closed = borders.find((frame) => !keys.has(ticks[frame] ?? Number.NaN));
  if (closed !== undefined) throw badFilm(`cannot be decoded from frame ${closed} on`);
  requireTimes(ticks, stream, film, reader.isMatroska ? "mkv" : "mp4");
}

function requireTimes(
  ticks: readonly number[],
  { timeBase }: Stream,
  film: FilmFacts,
  container: FilmContainer,
): void {
  const { length } = film.times;
  if (ticks.length !== length) throw badFilm(`has ${ticks.length} frames, not ${length}`);
  const clock = filmClock(film, container);
  for (const [frame, at] of ticks.entries()) {
    if (frame > 0 && at <= (ticks[frame - 1] ?? 0))
      throw badFilm(`shows frame ${frame} at no time`);
    const wanted = (clock.timeOf(frame) * timeBase.den) / (clock.timescale * timeBase.num);
    if (at !== wanted) throw badFilm(`shows frame ${frame} at ${at} and not at ${wanted}`);
  }
}

function badFilm(wrong: string): TaskError {
  return new TaskError("BAD_RESULT", `The joined film ${wrong}`);
}

/** Decodes key packets, as a player does that is sent from one to another. */
class KeyDecoder implements Disposable {
  readonly #context = new CodecContext();
  readonly #frame = new Frame();

  constructor({ codecpar, timeBase }: Stream) {
    const codec = Codec.findDecoder(codecpar.codecId);
    this.#frame.alloc();
    this.#context.allocContext3(codec);
    throwIfFailed(codecpar.toContext(this.#context), "decode the film");
    this.#context.pktTimebase = timeBase;
    // An error is not to be painted over.
    this.#context.setOption("err_detect", "explode");
    throwIfFailed(this.#context.open2Sync(codec), "decode the film");
  }

  async decodes(packet: Packet): Promise<boolean> {
    const context = this.#context;
    const isSent = (await context.sendPacket(packet)) >= 0 && (await context.sendPacket(null)) >= 0;
    let frames = 0;
    for (;;) {
      const code = await context.receiveFrame(this.#frame);
      if (code >= 0) frames += 1;
      else {
        context.flushBuffers();
        return isSent && code === AVERROR_EOF && frames === 1;
      }
    }
  }

  [Symbol.dispose](): void {
    this.#context.freeContext();
    this.#frame.free();
  }
}
