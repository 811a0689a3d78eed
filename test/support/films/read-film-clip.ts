import { createHash } from "node:crypto";
import {
  AV_NOPTS_VALUE,
  AVERROR_EAGAIN,
  AVERROR_EOF,
  AVMEDIA_TYPE_VIDEO,
  avGetPixFmtName,
  Codec,
  CodecContext,
  type FormatContext,
  Frame,
  Packet,
  type Stream,
} from "node-av";
import { type Luma, type PictureFacts, readPicture } from "./film-picture.js";
import { checked, openForReading } from "./libav.js";

/** A frame as a decoder shows it. */
export interface ShownFrame extends PictureFacts {
  readonly seconds: number;
  /** In ticks of the track. */
  readonly ticks: number;
  readonly width: number;
  readonly height: number;
  /** Of all samples of the picture, colour too: equal for pictures that are equal pixel by pixel. */
  readonly hash: string;
}

/** A packet as it is stored. */
export interface StoredPacket {
  readonly seconds: number;
  readonly durationSeconds: number;
  readonly hash: string;
}

/** A track as it is stored. */
export interface StoredTrack {
  readonly index: number;
  /** FFmpeg's number: 0 video, 1 audio, 2 data, 3 subtitles. */
  readonly kind: number;
  readonly codecId: number;
  readonly channels: number;
  readonly metadata: Readonly<Record<string, string>>;
  readonly packets: readonly StoredPacket[];
}

/** Decodes the pictures of a film and reads their numbers. Throws at a picture that shows none. */
export async function readShown(path: string): Promise<readonly ShownFrame[]> {
  const input = await openForReading(path);
  const stream = input.streams.find(({ codecpar }) => codecpar.codecType === AVMEDIA_TYPE_VIDEO);
  if (stream === undefined) throw new Error("There is no picture");
  const shown: ShownFrame[] = [];
  await decodeTrack(input, stream, (frame) => shown.push(shownFrame(frame, stream)));
  return shown;
}

/** The seconds at which pictures flash. */
export function flashesOf(frames: readonly ShownFrame[]): readonly number[] {
  return frames.filter(({ isFlash }) => isFlash).map(({ seconds }) => seconds);
}

const LOUD = 0.1;
const PAUSE_SECONDS = 0.3;

/** The seconds at which a track begins to beep after a pause, from its decoded sound. */
export async function readBeeps(path: string, trackIndex: number): Promise<readonly number[]> {
  const input = await openForReading(path);
  const stream = input.streams[trackIndex];
  if (stream === undefined) throw new Error(`There is no track ${trackIndex}`);
  const beeps: number[] = [];
  let lastLoud = Number.NEGATIVE_INFINITY;
  await decodeTrack(input, stream, (frame) => {
    const start = secondsOf(frame.bestEffortTimestamp, stream);
    for (const [at, value] of firstChannel(frame).entries()) {
      if (Math.abs(value) < LOUD) continue;
      const seconds = start + at / frame.sampleRate;
      if (seconds - lastLoud > PAUSE_SECONDS) beeps.push(seconds);
      lastLoud = seconds;
    }
  });
  return beeps;
}

/** All tracks of a file with their packets, none of them decoded. */
export async function readTracks(path: string): Promise<readonly StoredTrack[]> {
  const input = await openForReading(path);
  const tracks = input.streams.map((stream) => ({
    index: stream.index,
    kind: stream.codecpar.codecType as number,
    codecId: stream.codecpar.codecId as number,
    channels: stream.codecpar.channels,
    metadata: stream.metadata?.getAll() ?? {},
    packets: [] as StoredPacket[],
  }));
  const streams = input.streams;
  using packet = new Packet();
  packet.alloc();
  while (input.readFrameSync(packet) >= 0) {
    const stream = streams[packet.streamIndex]!;
    tracks[packet.streamIndex]!.packets.push({
      seconds: secondsOf(packet.pts, stream),
      durationSeconds: secondsOf(packet.duration, stream),
      hash: hashOf(packet.data ?? Buffer.alloc(0)),
    });
    packet.unref();
  }
  await input.closeInput();
  return tracks;
}

/** Metadata of the whole file, such as its title. */
export async function readMetadata(path: string): Promise<Readonly<Record<string, string>>> {
  const input = await openForReading(path);
  const metadata = input.metadata?.getAll() ?? {};
  await input.closeInput();
  return metadata;
}

/** Decodes a track of an open file to its end, and closes the file. */
export async function decodeTrack(
  input: FormatContext,
  stream: Stream,
  take: (frame: Frame) => void,
): Promise<void> {
  const decoder = new CodecContext();
  const codec = Codec.findDecoder(stream.codecpar.codecId);
  decoder.allocContext3(codec);
  checked(decoder.parametersToContext(stream.codecpar));
  decoder.pktTimebase = stream.timeBase;
  decoder.threadCount = 1;
  checked(decoder.open2Sync(codec));
  using packet = new Packet();
  packet.alloc();
  using frame = new Frame();
  frame.alloc();
  const drain = () => {
    for (;;) {
      const result = decoder.receiveFrameSync(frame);
      if (result === AVERROR_EAGAIN || result === AVERROR_EOF) return;
      checked(result);
      take(frame);
      frame.unref();
    }
  };
  while (input.readFrameSync(packet) >= 0) {
    if (packet.streamIndex === stream.index) {
      checked(decoder.sendPacketSync(packet));
      drain();
    }
    packet.unref();
  }
  checked(decoder.sendPacketSync(null));
  drain();
  decoder.freeContext();
  await input.closeInput();
}

function shownFrame(frame: Frame, stream: Stream): ShownFrame {
  return {
    ...readPicture(lumaOf(frame)),
    ticks: Number(frame.bestEffortTimestamp),
    seconds: secondsOf(frame.bestEffortTimestamp, stream),
    width: frame.width,
    height: frame.height,
    hash: hashOf(frame.toBuffer()),
  };
}

function secondsOf(ticks: bigint, { timeBase }: Stream): number {
  if (ticks === AV_NOPTS_VALUE) throw new Error("There is no time");
  return (Number(ticks) * timeBase.num) / timeBase.den;
}

/** The first plane of YUV and grey pictures is brightness; samples of 10 bits take two bytes. */
function lumaOf(frame: Frame): Luma {
  const { width, height } = frame;
  const [plane] = frame.data ?? [];
  const [stride] = frame.linesize;
  if (plane === undefined || stride === undefined) throw new Error("The frame is empty");
  const isDeep = /p10/.test(avGetPixFmtName(frame.format as never) ?? "");
  const samples = new Uint8Array(width * height);
  for (let y = 0; y < height; y += 1)
    for (let x = 0; x < width; x += 1)
      samples[y * width + x] = isDeep
        ? plane.readUInt16LE(y * stride + x * 2) >> 2
        : plane[y * stride + x]!;
  return { width, height, samples };
}

function firstChannel(frame: Frame): Float32Array {
  const [plane] = frame.extendedData ?? frame.data ?? [];
  if (plane === undefined) throw new Error("The sound is empty");
  const samples = new Float32Array(frame.nbSamples);
  // Whole numbers are interleaved; the decoders of AAC and Opus give a plane of each channel.
  const isWhole = plane.length < frame.nbSamples * 4 || frame.format === 1;
  for (let at = 0; at < samples.length; at += 1)
    samples[at] = isWhole
      ? plane.readInt16LE(at * 2 * frame.channels) / 32_768
      : plane.readFloatLE(at * 4);
  return samples;
}

function hashOf(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex").slice(0, 16);
}
