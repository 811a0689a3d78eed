import { AV_NOPTS_VALUE, AVMEDIA_TYPE_AUDIO } from "node-av/constants";
import {
  avGetAudioFrameDuration2,
  avRescaleDelta,
  Dictionary,
  type Packet,
  type Stream,
} from "node-av/lib";
import type { FilmFacts, Ratio } from "../film-facts.js";
import { throwIfFailed } from "../media/media-error.js";
import { MediaReader } from "../media/media-reader.js";
import type { MediaWriter } from "../media/media-writer.js";
import { isPicture } from "./result-piece.js";
import { codecName, trackFate } from "./track-fate.js";

/** A track on its way from one file into another. */
interface CopiedTrack {
  readonly from: Stream;
  readonly to: Stream;
  readonly lastReference: { value: bigint };
}

/** The tracks of the source beside its picture, which go into the joined film packet by packet. */
export class RestTracks implements AsyncDisposable {
  readonly notes: readonly string[];
  readonly #reader: MediaReader;
  readonly #tracks: ReadonlyMap<number, CopiedTrack>;
  readonly #packet: Packet;
  #isRead = false;
  #isEnd = false;

  private constructor(
    reader: MediaReader,
    packet: Packet,
    tracks: ReadonlyMap<number, CopiedTrack>,
    notes: readonly string[],
  ) {
    this.#reader = reader;
    this.#packet = packet;
    this.#tracks = tracks;
    this.notes = notes;
  }

  /** Opens the file and makes a track of the film for each that is kept. */
  static async open(
    path: string,
    film: FilmFacts,
    writer: MediaWriter,
    container: "mp4" | "mkv",
    packet: Packet,
  ): Promise<RestTracks> {
    const reader = await MediaReader.open(path);
    const notes: string[] = [];
    const tracks = new Map<number, CopiedTrack>();
    const picture = reader.streams.find((stream) => isPictureOf(film, stream));
    for (const from of reader.streams) {
      if (from.index === picture?.index) continue;
      if (trackFate(from, container) === "copy")
        tracks.set(from.index, copyTrack(from, writer.addTrack()));
      else notes.push(`Track ${from.index + 1} (${codecName(from)}) is left out`);
    }
    return new RestTracks(reader, packet, tracks, notes);
  }

  /** What the source says of itself. */
  get tags(): Readonly<Record<string, string>> {
    const { major_brand, minor_version, compatible_brands, encoder, ...tags } = this.#reader.tags;
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
  writeUntil(writer: MediaWriter, seconds: number, shiftSeconds: number): void {
    while (this.#next()) {
      const track = this.#tracks.get(this.#packet.streamIndex);
      if (track !== undefined) {
        const { num, den } = track.from.timeBase;
        const due = (Number(dueAt(this.#packet)) * num) / den + shiftSeconds;
        if (due > seconds) return;
        this.#write(writer, track, shiftSeconds);
      }
      this.#isRead = false;
    }
  }

  #next(): boolean {
    if (this.#isRead) return true;
    if (this.#isEnd) return false;
    this.#isRead = this.#reader.read(this.#packet);
    this.#isEnd = !this.#isRead;
    return this.#isRead;
  }

  #write(
    writer: MediaWriter,
    { from, to, lastReference }: CopiedTrack,
    shiftSeconds: number,
  ): void {
    const packet = this.#packet;
    const samples = avGetAudioFrameDuration2(from.codecpar, packet.size);
    if (from.codecpar.codecType === AVMEDIA_TYPE_AUDIO && samples > 0) {
      // Times of MKV are rounded to a millisecond. Those of sound follow from its samples.
      const { sampleRate } = from.codecpar;
      const rate = { num: 1, den: sampleRate };
      const due = avRescaleDelta(
        from.timeBase,
        dueAt(packet),
        rate,
        samples,
        lastReference,
        to.timeBase,
      );
      packet.dts = due;
      packet.pts = due;
      packet.duration =
        (BigInt(samples) * BigInt(to.timeBase.den)) / BigInt(sampleRate * to.timeBase.num);
    } else packet.rescaleTs(from.timeBase, to.timeBase);
    const shift = BigInt(Math.round((shiftSeconds * to.timeBase.den) / to.timeBase.num));
    packet.pts += shift;
    packet.dts += shift;
    packet.streamIndex = to.index;
    packet.pos = -1n;
    writer.write(packet);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader[Symbol.asyncDispose]();
  }
}

/** The source itself has its picture too. */
function isPictureOf({ codec, width, height }: FilmFacts, stream: Stream): boolean {
  const { codecpar } = stream;
  const isSize = codecpar.width === width && codecpar.height === height;
  return isPicture(stream) && codecName(stream) === codec && isSize;
}

function dueAt({ dts, pts }: Packet): bigint {
  return dts === AV_NOPTS_VALUE ? pts : dts;
}

function copyTrack(from: Stream, to: Stream): CopiedTrack {
  throwIfFailed(from.codecpar.copy(to.codecpar), "copy a track");
  to.codecpar.codecTag = 0;
  to.timeBase = from.timeBase;
  to.disposition = from.disposition;
  copyTags(from, to);
  return { from, to, lastReference: { value: AV_NOPTS_VALUE } };
}

/** What is said of a track, without what the container writes itself. */
export function copyTags(from: Stream, to: Stream): void {
  const tags = Object.entries(from.metadata?.getAll() ?? {});
  const kept = tags.filter(([name]) => ["language", "title", "handler_name"].includes(name));
  to.metadata = Dictionary.fromObject(Object.fromEntries(kept));
}
