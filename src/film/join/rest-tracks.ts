import { AV_NOPTS_VALUE } from "node-av/constants";
import { Packet, type Stream } from "node-av/lib";
import type { FilmContainer } from "../../domain/film.js";
import type { FilmFacts, Ratio } from "../film-facts.js";
import type { MediaReader } from "../media/media-reader.js";
import type { MediaWriter } from "../media/media-writer.js";
import { isChapterTrack } from "../read/chapter-track.js";
import { copiedTrack, dueAt, encodedTrack, type KeptTrack, textTrack } from "./kept-track.js";
import { isPicture } from "./result-piece.js";
import { codecName, trackFate } from "./track-fate.js";

/** The tracks of the source beside its picture, which go into the joined film packet by packet. */
export class RestTracks implements AsyncDisposable {
  /** What could not be kept as it was. */
  readonly notes: readonly string[];
  readonly #reader: MediaReader;
  readonly #writer: MediaWriter;
  readonly #shiftSeconds: number;
  readonly #tracks: ReadonlyMap<number, KeptTrack>;
  readonly #packet = new Packet();
  #state: "unread" | "read" | "end" = "unread";

  /** Makes a track of the film for each that is kept. */
  constructor(reader: MediaReader, { film, writer, container, shiftSeconds }: RestOptions) {
    this.#reader = reader;
    this.#writer = writer;
    this.#shiftSeconds = shiftSeconds;
    this.#packet.alloc();
    const notes: string[] = [];
    const tracks = new Map<number, KeptTrack>();
    const picture = reader.streams.find((stream) => isPictureOf(film, stream));
    for (const from of reader.streams) {
      if (from.index === picture?.index || isChapterTrack(from)) continue;
      const track = keep(from, writer, container, notes);
      if (track !== undefined) tracks.set(from.index, track);
    }
    this.#tracks = tracks;
    this.notes = notes;
  }

  /** What the source says of itself, without what a container writes itself. */
  get tags(): Readonly<Record<string, string>> {
    const { major_brand, minor_version, compatible_brands, encoder, ENCODER, ...tags } =
      this.#reader.tags;
    return tags;
  }

  /** When the tracks begin, in seconds. */
  get starts(): readonly Ratio[] {
    return [...this.#tracks.values()].map(({ from: { startTime, timeBase } }) => ({
      num: startTime === AV_NOPTS_VALUE ? 0 : Number(startTime) * timeBase.num,
      den: timeBase.den,
    }));
  }

  /** Writes all packets that are due before a time of the film, in seconds. */
  async writeUntil(seconds: number, breathe: () => Promise<void> | undefined): Promise<void> {
    while (this.#next()) {
      const track = this.#tracks.get(this.#packet.streamIndex);
      if (track !== undefined) {
        const { num, den } = track.from.timeBase;
        const due = (Number(dueAt(this.#packet)) * num) / den + this.#shiftSeconds;
        if (due > seconds) return;
        track.take(this.#packet, (packet) => this.#write(track, packet));
        await breathe();
      }
      this.#state = "unread";
    }
  }

  /** Writes what the tracks still hold back. */
  finish(): void {
    for (const track of this.#tracks.values())
      track.take(null, (packet) => this.#write(track, packet));
  }

  #next(): boolean {
    if (this.#state === "unread") this.#state = this.#reader.read(this.#packet) ? "read" : "end";
    return this.#state === "read";
  }

  #write({ to }: KeptTrack, packet: Packet): void {
    const { num, den } = to.timeBase;
    const shift = BigInt(Math.round((this.#shiftSeconds * den) / num));
    packet.pts += shift;
    packet.dts += shift;
    packet.streamIndex = to.index;
    packet.pos = -1n;
    this.#writer.write(packet);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const track of this.#tracks.values()) track[Symbol.dispose]();
    this.#packet.free();
    await this.#reader[Symbol.asyncDispose]();
  }
}

/** What the tracks go into. */
export interface RestOptions {
  readonly film: FilmFacts;
  readonly writer: MediaWriter;
  readonly container: FilmContainer;
  /** By how much later everything is shown than in the source. */
  readonly shiftSeconds: number;
}

function keep(
  from: Stream,
  writer: MediaWriter,
  container: FilmContainer,
  notes: string[],
): KeptTrack | undefined {
  const name = `Track ${from.index + 1} (${codecName(from) || "of an unknown kind"})`;
  const file = container.toUpperCase();
  switch (trackFate(from, container)) {
    case "copy":
      return copiedTrack(from, writer.addTrack());
    case "encode":
      notes.push(`${name} was encoded to AAC, since players of ${file} do not play it as it is`);
      return encodedTrack(from, writer.addTrack());
    case "text":
      notes.push(`${name} lost its styles, since ${file} cannot hold it as it is`);
      return textTrack(from, writer.addTrack(), container);
    case "drop":
      notes.push(`${name} was left out, since ${file} cannot hold it`);
      return undefined;
  }
}

/** The source itself has its picture too. */
function isPictureOf({ codec, width, height }: FilmFacts, stream: Stream): boolean {
  const { codecpar } = stream;
  const isSize = codecpar.width === width && codecpar.height === height;
  return isPicture(stream) && codecName(stream) === codec && isSize;
}
