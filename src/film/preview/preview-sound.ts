import { AV_NOPTS_VALUE, AVMEDIA_TYPE_AUDIO } from "node-av/constants";
import { avGetCodecString, Packet, type Stream } from "node-av/lib";
import { copiedTrack, encodedTrack, type KeptTrack } from "../join/kept-track.js";
import { codecName } from "../join/track-fate.js";
import { takeBreaths } from "../media/breath.js";
import { MediaReader } from "../media/media-reader.js";
import { MediaWriter } from "../media/media-writer.js";
import type { PreviewSound } from "./preview-objects.js";
import { splitFragments, topBoxes } from "./top-boxes.js";
import { FRAGMENT_OPTIONS } from "./write-fragments.js";

/** Of a segment of sound. */
export const SOUND_SECONDS = 4;
/** Players jump over less without sound at the beginning. */
const MAX_LATE_SECONDS = 0.1;

/**
 * Writes the first track of a film's sound as CMAF: its packets where players of HLS play them, that is
 * AAC; else encoded to it.
 *
 * @param shiftSeconds by how much later than in the source everything is shown.
 * @returns undefined for a film without sound.
 */
export async function writePreviewSound(
  path: string,
  outPath: string,
  shiftSeconds: number,
  signal: AbortSignal,
): Promise<PreviewSound | undefined> {
  await using reader = await MediaReader.open(path);
  const from = reader.streams.find(({ codecpar }) => codecpar.codecType === AVMEDIA_TYPE_AUDIO);
  if (from === undefined) return undefined;
  const written = await writeSound(reader, from, outPath, shiftSeconds, signal);
  const { initBytes, fragments } = splitFragments(await topBoxes(outPath));
  const segments = fragments.map(({ start, end }, index) => {
    const [startSeconds, endSeconds] = [written.starts[index], written.starts[index + 1]];
    return {
      startSeconds: startSeconds ?? 0,
      durationSeconds: (endSeconds ?? written.endSeconds) - (startSeconds ?? 0),
      startByte: start,
      sizeBytes: end - start,
    };
  });
  return { codec: written.codec, initBytes, segments };
}

interface WrittenSound {
  readonly codec: string;
  /** Of each fragment. */
  readonly starts: readonly number[];
  readonly endSeconds: number;
}

async function writeSound(
  reader: MediaReader,
  from: Stream,
  outPath: string,
  shiftSeconds: number,
  signal: AbortSignal,
): Promise<WrittenSound> {
  await using writer = new MediaWriter(outPath, "mp4");
  using track = isPlayed(from)
    ? copiedTrack(from, writer.addTrack())
    : encodedTrack(from, writer.addTrack(), true);
  await writer.begin({}, FRAGMENT_OPTIONS);
  const fragments = new SoundFragments(writer, track, shiftSeconds);
  const breathe = takeBreaths(signal);
  using packet = new Packet();
  packet.alloc();
  while (reader.read(packet)) {
    if (packet.streamIndex === from.index) track.take(packet, (each) => fragments.write(each));
    await breathe();
  }
  track.take(null, (each) => fragments.write(each));
  writer.endFragment();
  await writer.finish();
  const codec = avGetCodecString(track.to.codecpar) ?? "mp4a.40.2";
  return { codec, starts: fragments.starts, endSeconds: fragments.endSeconds };
}

function isPlayed(stream: Stream): boolean {
  const { startTime, timeBase } = stream;
  const start = startTime === AV_NOPTS_VALUE ? 0 : Number(startTime) * timeBase.toDouble();
  return codecName(stream) === "aac" && start <= MAX_LATE_SECONDS;
}

/** Writes packets of sound in fragments of some seconds. */
class SoundFragments {
  readonly starts: number[] = [];
  endSeconds = 0;
  readonly #writer: MediaWriter;
  readonly #to: Stream;
  readonly #shiftSeconds: number;

  constructor(writer: MediaWriter, { to }: KeptTrack, shiftSeconds: number) {
    this.#writer = writer;
    this.#to = to;
    this.#shiftSeconds = shiftSeconds;
  }

  write(packet: Packet): void {
    const { num, den } = this.#to.timeBase;
    const shift = BigInt(Math.round((this.#shiftSeconds * den) / num));
    packet.pts += shift;
    packet.dts += shift;
    // What only prepares the decoder is not heard; a segment cannot begin before 0.
    if (packet.pts < 0n) return;
    const start = (Number(packet.pts) * num) / den;
    const last = this.starts.at(-1);
    if (last === undefined) this.starts.push(start);
    else if (start - last >= SOUND_SECONDS) {
      this.#writer.endFragment();
      this.starts.push(start);
    }
    this.endSeconds = start + (Number(packet.duration) * num) / den;
    packet.streamIndex = this.#to.index;
    packet.pos = -1n;
    this.#writer.write(packet);
  }
}
