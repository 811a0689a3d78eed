import type { Frame } from "node-av";
import { Packet } from "node-av/lib";
import type { FilmFacts } from "../film-facts.js";
import { clockTime, damagedFilm } from "../read/damaged-film.js";
import { type PictureDecoder, pictureDecoder } from "../read/decode-pictures.js";
import { type OpenFilm, openFilm } from "../read/open-film.js";
import { seekToKey } from "../read/seek-to-key.js";

/** Frames that are kept behind those that were asked for, since the next piece begins with context. */
const KEPT_BEHIND = 16;

/**
 * Decoded frames of a film by their number. Reading goes on where it stopped, so that pieces in order
 * decode each frame once, however far apart key frames are.
 */
export class FrameWindow implements AsyncDisposable {
  readonly #film: OpenFilm;
  readonly #facts: FilmFacts;
  readonly #decoder: PictureDecoder;
  readonly #frames = new Map<number, Frame>();
  /** The number behind the last frame that was decoded; undefined: nothing was. */
  #next: number | undefined;
  #isAtEnd = false;

  private constructor(film: OpenFilm, facts: FilmFacts, decoder: PictureDecoder) {
    this.#film = film;
    this.#facts = facts;
    this.#decoder = decoder;
  }

  static async open(path: string, facts: FilmFacts, signal: AbortSignal): Promise<FrameWindow> {
    const film = await openFilm(path, signal);
    return new FrameWindow(film, facts, await pictureDecoder(film));
  }

  get picture(): OpenFilm["picture"] {
    return this.#film.picture;
  }

  /**
   * The frames from `first` on, in order. Each is valid until the next is asked for.
   *
   * @param entryTicks - of a key frame from which the first can be reached.
   * @throws TaskError INPUT_DAMAGED, naming the time.
   */
  async *frames(
    first: number,
    count: number,
    entryTicks: number,
    signal: AbortSignal,
  ): AsyncGenerator<Frame, void, void> {
    const isAhead = this.#next !== undefined && first >= this.#next;
    if (!isAhead && !this.#frames.has(first)) await this.#goTo(entryTicks);
    for (let number = first; number < first + count; number += 1) {
      yield await this.#frame(number, first, signal);
      this.#forget(number - KEPT_BEHIND);
    }
  }

  async #frame(number: number, first: number, signal: AbortSignal): Promise<Frame> {
    for (;;) {
      const frame = this.#frames.get(number);
      if (frame !== undefined) return frame;
      signal.throwIfAborted();
      if (this.#isAtEnd || (this.#next ?? 0) > number) throw this.#damagedAt(number);
      await this.#decodeMore(first);
    }
  }

  async #goTo(ticks: number): Promise<void> {
    this.#forget(Number.POSITIVE_INFINITY);
    this.#decoder.restart();
    this.#isAtEnd = false;
    this.#next = undefined;
    await seekToKey(this.#film, ticks);
  }

  /** Decodes one packet. Frames before `first` are not kept, but for a few. */
  async #decodeMore(first: number): Promise<void> {
    using packet = new Packet();
    packet.alloc();
    const isPacket = this.#film.format.readFrameSync(packet) >= 0;
    if (isPacket && packet.streamIndex !== this.#film.picture.index) return;
    this.#isAtEnd = !isPacket;
    for (const frame of await this.#decoder.decode(isPacket ? packet : null)) {
      const number = frameNumber(this.#facts.times, Number(frame.bestEffortTimestamp));
      if (number === undefined || number < first - KEPT_BEHIND) frame.free();
      else this.#frames.set(number, frame);
      if (number !== undefined) this.#next = number + 1;
    }
  }

  #forget(before: number): void {
    for (const [number, frame] of this.#frames) {
      if (number >= before) continue;
      frame.free();
      this.#frames.delete(number);
    }
  }

  #damagedAt(number: number): Error {
    const { times, timeBase } = this.#facts;
    const seconds = ((times[number] ?? 0) * timeBase.num) / timeBase.den;
    return damagedFilm(`it cannot be read at ${clockTime(seconds)}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#forget(Number.POSITIVE_INFINITY);
    this.#decoder[Symbol.dispose]();
    await this.#film[Symbol.asyncDispose]();
  }
}

/** The number of the frame that is shown at a time; undefined: the film shows none then. */
function frameNumber(times: readonly number[], ticks: number): number | undefined {
  let [low, high] = [0, times.length - 1];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if ((times[middle] ?? 0) < ticks) low = middle + 1;
    else high = middle;
  }
  return times[low] === ticks ? low : undefined;
}
