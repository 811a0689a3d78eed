import { AV_DISPOSITION_ATTACHED_PIC, AVMEDIA_TYPE_VIDEO } from "node-av/constants";
import { avGetCodecName, type Packet, type Stream } from "node-av/lib";
import type { FilmColour } from "../film-facts.js";
import { takeBreaths } from "../media/breath.js";
import { MediaReader } from "../media/media-reader.js";

/** A result of a film or of a part of it, open for reading: the packets of its picture. */
export class ResultPiece implements AsyncDisposable {
  readonly stream: Stream;
  /** For each packet, in the order of decoding, which frame of the piece it shows. */
  readonly ranks: readonly number[];
  /** When the frames are shown, in ticks of the track. */
  readonly ticks: readonly number[];
  /** The frames with which decoding can begin. */
  readonly keys: readonly number[];
  readonly #reader: MediaReader;

  private constructor(reader: MediaReader, stream: Stream, { ranks, ticks, keys }: Order) {
    this.#reader = reader;
    this.stream = stream;
    this.ranks = ranks;
    this.ticks = ticks;
    this.keys = keys;
  }

  /** Opens a result and reads through it once. */
  static async open(path: string, packet: Packet, signal: AbortSignal): Promise<ResultPiece> {
    const reader = await MediaReader.open(path);
    try {
      const stream = reader.streams.find(isPicture);
      if (stream === undefined) throw new Error("There is no video in the result");
      return new ResultPiece(reader, stream, await readOrder(reader, stream, packet, signal));
    } catch (error) {
      await reader[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** As FFmpeg names it. */
  get codec(): string {
    return avGetCodecName(this.stream.codecpar.codecId) ?? "";
  }

  get size(): { readonly width: number; readonly height: number } {
    const { width, height } = this.stream.codecpar;
    return { width, height };
  }

  get configuration(): Buffer {
    return this.stream.codecpar.extradata ?? Buffer.alloc(0);
  }

  /** What the file itself says of its colours. */
  get colour(): FilmColour {
    const { colorPrimaries, colorTrc, colorSpace, colorRange } = this.stream.codecpar;
    const tags = { primaries: colorPrimaries, transfer: colorTrc, matrix: colorSpace };
    return { ...tags, ...(colorRange !== 0 && { isFullRange: colorRange === FULL_RANGE }) };
  }

  /** What wrote the file. */
  get encoder(): string | undefined {
    return this.#reader.tags["encoder"];
  }

  /** Reads the next packet of the picture, in the order of decoding. */
  read(packet: Packet): boolean {
    return readOf(this.#reader, this.stream, packet);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader[Symbol.asyncDispose]();
  }
}

/** `AVCOL_RANGE_JPEG` of FFmpeg. */
const FULL_RANGE = 2;

/** Whether a track is the picture of a film, and not the picture on its cover. */
export function isPicture(stream: Stream): boolean {
  const { codecType } = stream.codecpar;
  return codecType === AVMEDIA_TYPE_VIDEO && !stream.hasDisposition(AV_DISPOSITION_ATTACHED_PIC);
}

type Order = Pick<ResultPiece, "ranks" | "ticks" | "keys">;

async function readOrder(
  reader: MediaReader,
  stream: Stream,
  packet: Packet,
  signal: AbortSignal,
): Promise<Order> {
  const breathe = takeBreaths(signal);
  const shown: number[] = [];
  const keys: number[] = [];
  let first: bigint | undefined;
  while (readOf(reader, stream, packet)) {
    first ??= packet.dts;
    if (packet.isKeyframe) keys.push(shown.length);
    shown.push(Number(packet.pts));
    await breathe();
  }
  if (first !== undefined) reader.seek(stream, first);
  const order = shown.map((_, at) => at).sort((a, b) => (shown[a] ?? 0) - (shown[b] ?? 0));
  const ranks: number[] = new Array(order.length);
  for (const [rank, at] of order.entries()) ranks[at] = rank;
  return {
    ranks,
    ticks: order.map((at) => shown[at] ?? 0),
    keys: keys.map((at) => ranks[at] ?? 0),
  };
}

function readOf(reader: MediaReader, stream: Stream, packet: Packet): boolean {
  while (reader.read(packet)) if (packet.streamIndex === stream.index) return true;
  return false;
}
