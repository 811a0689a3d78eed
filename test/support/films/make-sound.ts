import {
  AV_CODEC_FLAG_GLOBAL_HEADER,
  AV_SAMPLE_FMT_FLT,
  AV_SAMPLE_FMT_FLTP,
  AV_SAMPLE_FMT_S16,
  avChannelLayoutDefault,
  CodecContext,
  Dictionary,
  Frame,
  type Packet,
  Rational,
  type Stream,
} from "node-av";
import { findEncoder, receiveAll } from "./encode.js";
import { checked, type FilmWriter } from "./libav.js";

/** Options of a sound track. It beeps at each whole second of the film. */
export interface SoundOptions {
  readonly codec: "pcm_s16le" | "flac" | "aac" | "libopus";
  /** @default 2 */
  readonly channels?: number;
  /** In seconds of the film; what would be heard before is left out. @default 0 */
  readonly startSeconds?: number;
  /** ISO 639-2. */
  readonly language?: string;
  readonly title?: string;
}

/** A track whose packets are to be written, in ticks of `timeBase`. */
export interface MadeTrack {
  readonly stream: Stream;
  readonly packets: readonly Packet[];
  readonly timeBase: { readonly num: number; readonly den: number };
}

const SAMPLE_RATE = 48_000;
const BEEP_SECONDS = 0.05;
const BEEP_HERTZ = 1000;
const SAMPLE_FORMATS = {
  pcm_s16le: AV_SAMPLE_FMT_S16,
  flac: AV_SAMPLE_FMT_S16,
  aac: AV_SAMPLE_FMT_FLTP,
  libopus: AV_SAMPLE_FMT_FLT,
} as const;

/** Adds a sound track of `seconds` to a film that is not begun yet. */
export function addSound(writer: FilmWriter, options: SoundOptions, seconds: number): MadeTrack {
  const encoder = openEncoder(options);
  const stream = writer.format.newStream();
  checked(stream.codecpar.fromContext(encoder));
  stream.timeBase = new Rational(1, SAMPLE_RATE);
  stream.metadata = Dictionary.fromObject({
    language: options.language ?? "und",
    ...(options.title !== undefined && { title: options.title }),
  });
  const packets: Packet[] = [];
  const length = encoder.frameSize || 1024;
  const first = Math.round((options.startSeconds ?? 0) * SAMPLE_RATE);
  for (let at = first; at < seconds * SAMPLE_RATE; at += length) {
    using frame = makeFrame(options, at, length);
    checked(encoder.sendFrameSync(frame));
    receiveAll(encoder, packets);
  }
  checked(encoder.sendFrameSync(null));
  receiveAll(encoder, packets);
  encoder.freeContext();
  return { stream, packets, timeBase: { num: 1, den: SAMPLE_RATE } };
}

function openEncoder({ codec: name, channels = 2 }: SoundOptions): CodecContext {
  const codec = findEncoder(name);
  const context = new CodecContext();
  context.allocContext3(codec);
  context.sampleRate = SAMPLE_RATE;
  context.sampleFormat = SAMPLE_FORMATS[name];
  context.channelLayout = avChannelLayoutDefault(channels);
  context.timeBase = new Rational(1, SAMPLE_RATE);
  context.bitRate = BigInt(48_000 * channels);
  context.setFlags(AV_CODEC_FLAG_GLOBAL_HEADER);
  checked(context.open2Sync(codec));
  return context;
}

function makeFrame({ codec, channels = 2 }: SoundOptions, first: number, length: number): Frame {
  const isWhole = SAMPLE_FORMATS[codec] === AV_SAMPLE_FMT_S16;
  const isPlanar = codec === "aac";
  const bytes = Buffer.alloc(length * channels * (isWhole ? 2 : 4));
  for (let at = 0; at < length; at += 1)
    for (let channel = 0; channel < channels; channel += 1) {
      const value = soundAt(first + at);
      const slot = isPlanar ? channel * length + at : at * channels + channel;
      if (isWhole) bytes.writeInt16LE(Math.round(value * 32_000), slot * 2);
      else bytes.writeFloatLE(value, slot * 4);
    }
  return Frame.fromAudioBuffer(bytes, {
    nbSamples: length,
    format: SAMPLE_FORMATS[codec],
    sampleRate: SAMPLE_RATE,
    channelLayout: avChannelLayoutDefault(channels),
    timeBase: { num: 1, den: SAMPLE_RATE },
    pts: BigInt(first),
  });
}

function soundAt(sample: number): number {
  const seconds = sample / SAMPLE_RATE;
  if (seconds - Math.floor(seconds) >= BEEP_SECONDS) return 0;
  return Math.sin(2 * Math.PI * BEEP_HERTZ * seconds) * 0.5;
}
