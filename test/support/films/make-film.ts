import {
  AV_CODEC_FLAG_FRAME_DURATION,
  AV_CODEC_FLAG_GLOBAL_HEADER,
  AV_PICTURE_TYPE_I,
  AV_PICTURE_TYPE_NONE,
  AV_PIX_FMT_YUV420P,
  AV_PIX_FMT_YUV420P10LE,
  AV_PIX_FMT_YUV422P10LE,
  AV_PKT_DATA_DISPLAYMATRIX,
  AVCOL_PRI_BT709,
  AVCOL_PRI_BT2020,
  AVCOL_RANGE_MPEG,
  AVCOL_SPC_BT709,
  AVCOL_SPC_BT2020_NCL,
  AVCOL_TRC_BT709,
  AVCOL_TRC_SMPTE2084,
  CodecContext,
  Dictionary,
  Frame,
  type Packet,
  Rational,
  type Stream,
} from "node-av";
import { findEncoder, receiveAll } from "./encode.js";
import { encoderOptions } from "./encoder-options.js";
import { drawPicture, type Luma, type Turn, turnPicture } from "./film-picture.js";
import { checked, FilmWriter } from "./libav.js";
import { addSound, type SoundOptions } from "./make-sound.js";
import { addStyledSubtitles, addSubtitles } from "./make-subtitles.js";

/** A ratio of two whole numbers. */
export interface Rate {
  readonly num: number;
  readonly den: number;
}

/** What FFmpeg's encoders are called that the installed package has. There is no H.264 field coding. */
const ENCODERS = {
  h264: "libx264",
  hevc: "libx265",
  vp8: "libvpx",
  vp9: "libvpx-vp9",
  av1: "libsvtav1",
  prores: "prores_ks",
  mpeg4: "mpeg4",
} as const;

/** Options of a test's film. */
export interface FilmOptions {
  /** @default "h264" */
  readonly codec?: keyof typeof ENCODERS;
  /** @default 48 */
  readonly frameCount?: number;
  /** Frames a second; also the ticks of `times`. @default 24 */
  readonly rate?: Rate;
  /** When a frame is shown, in ticks. @default its index */
  readonly times?: (index: number) => number;
  /** How long the last frame is shown, in ticks. @default 1 */
  readonly lastDuration?: number;
  /** Of the shown picture, before pixel aspect. @default 128 x 96 */
  readonly size?: { readonly width: number; readonly height: number };
  /** Frames between key frames. @default 12 */
  readonly gop?: number;
  /** @default 2, for H.264 and HEVC */
  readonly bFrames?: number;
  /** Whether frames before a key frame may need it. @default false */
  readonly isOpenGop?: boolean;
  /** Whether columns are renewed instead of whole frames (H.264). @default false */
  readonly isIntraRefresh?: boolean;
  /** First frames of scenes; each is a key frame. @default none */
  readonly scenes?: readonly number[];
  /** Frames that are key frames although the scene goes on. @default none but every `gop` */
  readonly keys?: readonly number[];
  /** By which players turn it, clockwise. @default 0 */
  readonly rotation?: Turn;
  /** Whether the container says so. @default true */
  readonly saysRotation?: boolean;
  readonly pixelAspect?: Rate;
  /** @default false */
  readonly isBt709?: boolean;
  /** Colours of BT.2020 and the high dynamic range of PQ. @default false */
  readonly isHdr?: boolean;
  /** ProRes always has 10. @default 8 */
  readonly bitDepth?: 8 | 10;
  readonly sound?: readonly SoundOptions[];
  /** One text a second. @default false */
  readonly hasSubtitles?: boolean;
  /** Subtitles with styles and a font, which MKV holds. @default false */
  readonly hasStyles?: boolean;
  readonly title?: string;
  /** Of the picture's track, ISO 639-2. */
  readonly language?: string;
  /** Whether the file says that its picture has an alpha layer (WebM). @default false */
  readonly saysAlpha?: boolean;
  /** Of FFmpeg's writer, such as `movflags`. */
  readonly writer?: Readonly<Record<string, string>>;
  /** Of the encoder. */
  readonly encoder?: Readonly<Record<string, string>>;
}

// The encoder of AV1 prints what it does.
process.env["SVT_LOG"] = "1";

/** Writes a film whose pictures show their numbers; the container is the extension of `path`. */
export async function makeFilm(path: string, options: FilmOptions = {}): Promise<void> {
  const { rate = { num: 24, den: 1 }, title } = options;
  const timeBase = { num: rate.den, den: rate.num };
  const encoder = openEncoder(options, timeBase);
  const writer = new FilmWriter(path, options.writer);
  if (title !== undefined) writer.format.metadata = Dictionary.fromObject({ title });
  const stream = writer.format.newStream();
  describe(stream, encoder, options, timeBase);
  const seconds = endTicks(options) * (timeBase.num / timeBase.den);
  const tracks = [];
  for (const sound of options.sound ?? []) tracks.push(addSound(writer, sound, seconds));
  if (options.hasSubtitles) tracks.push(addSubtitles(writer, path, seconds));
  if (options.hasStyles) tracks.push(addStyledSubtitles(writer, seconds));
  const packets = encodePictures(encoder, options, timeBase);
  writer.begin();
  const all = [
    ...packets.map((packet) => ({ packet, stream, timeBase })),
    ...tracks.flatMap((track) => track.packets.map((packet) => ({ ...track, packet }))),
  ];
  all.sort((a, b) => secondsOf(a) - secondsOf(b));
  for (const entry of all) writer.write(entry.packet, entry.stream, entry.timeBase);
  writer.end();
  for (const { packet } of all) packet.free();
  encoder.freeContext();
}

function secondsOf({ packet, timeBase }: { packet: Packet; timeBase: Rate }): number {
  return (Number(packet.dts) * timeBase.num) / timeBase.den;
}

function ticksOf(options: FilmOptions, index: number): number {
  return options.times?.(index) ?? index;
}

function endTicks(options: FilmOptions): number {
  const { frameCount = 48, lastDuration = 1 } = options;
  return ticksOf(options, frameCount - 1) + lastDuration;
}

function storedSize({ size = { width: 128, height: 96 }, rotation = 0 }: FilmOptions) {
  return rotation % 180 === 0 ? size : { width: size.height, height: size.width };
}

function openEncoder(options: FilmOptions, timeBase: Rate): CodecContext {
  const name = ENCODERS[options.codec ?? "h264"];
  const codec = findEncoder(name);
  const context = new CodecContext();
  context.allocContext3(codec);
  const { width, height } = storedSize(options);
  Object.assign(context, { width, height, pixelFormat: pixelFormatOf(options) });
  context.timeBase = new Rational(timeBase.num, timeBase.den);
  context.framerate = new Rational(timeBase.den, timeBase.num);
  context.gopSize = options.gop ?? 12;
  context.threadCount = 1;
  const isReordered = name === "libx264" || name === "libx265";
  context.maxBFrames = isReordered ? (options.bFrames ?? 2) : 0;
  context.setFlags(AV_CODEC_FLAG_GLOBAL_HEADER, AV_CODEC_FLAG_FRAME_DURATION);
  if (options.pixelAspect !== undefined)
    context.sampleAspectRatio = new Rational(options.pixelAspect.num, options.pixelAspect.den);
  if (options.isBt709) {
    context.colorPrimaries = AVCOL_PRI_BT709;
    context.colorTrc = AVCOL_TRC_BT709;
    context.colorSpace = AVCOL_SPC_BT709;
    context.colorRange = AVCOL_RANGE_MPEG;
  }
  if (options.isHdr)
    Object.assign(context, {
      ...{ colorPrimaries: AVCOL_PRI_BT2020, colorTrc: AVCOL_TRC_SMPTE2084 },
      ...{ colorSpace: AVCOL_SPC_BT2020_NCL, colorRange: AVCOL_RANGE_MPEG },
    });
  for (const [option, value] of Object.entries({ ...encoderOptions(options), ...options.encoder }))
    checked(context.setOption(option, value));
  checked(context.open2Sync(codec));
  return context;
}

function pixelFormatOf({ bitDepth = 8, codec }: FilmOptions) {
  if (codec === "prores") return AV_PIX_FMT_YUV422P10LE;
  return bitDepth === 10 ? AV_PIX_FMT_YUV420P10LE : AV_PIX_FMT_YUV420P;
}

function describe(
  stream: Stream,
  encoder: CodecContext,
  options: FilmOptions,
  timeBase: Rate,
): void {
  checked(stream.codecpar.fromContext(encoder));
  stream.timeBase = new Rational(timeBase.num, timeBase.den);
  const { language, saysAlpha } = options;
  stream.metadata = Dictionary.fromObject({
    ...(language !== undefined && { language }),
    ...(saysAlpha && { alpha_mode: "1" }),
  });
  if (options.times === undefined) stream.avgFrameRate = new Rational(timeBase.den, timeBase.num);
  const { pixelAspect, rotation = 0, saysRotation = true } = options;
  if (pixelAspect !== undefined)
    stream.sampleAspectRatio = new Rational(pixelAspect.num, pixelAspect.den);
  if (rotation !== 0 && saysRotation)
    checked(stream.codecpar.addCodedSideData(AV_PKT_DATA_DISPLAYMATRIX, displayMatrix(rotation)));
}

/** The matrix of an MP4's track header for a turn clockwise, ISO/IEC 14496-12 section 8.3.2. */
function displayMatrix(rotation: Turn): Buffer {
  const [cos, sin] = { 0: [1, 0], 90: [0, 1], 180: [-1, 0], 270: [0, -1] }[rotation] as [
    number,
    number,
  ];
  const values = [cos * 65536, sin * 65536, 0, -sin * 65536, cos * 65536, 0, 0, 0, 2 ** 30];
  const matrix = Buffer.alloc(36);
  for (const [at, value] of values.entries()) matrix.writeInt32LE(value, at * 4);
  return matrix;
}

function encodePictures(encoder: CodecContext, options: FilmOptions, timeBase: Rate): Packet[] {
  const { frameCount = 48, scenes = [], keys = [] } = options;
  const packets: Packet[] = [];
  for (let index = 0; index < frameCount; index += 1) {
    using frame = makeFrame(options, index, timeBase);
    frame.pictType = [...scenes, ...keys].includes(index)
      ? AV_PICTURE_TYPE_I
      : AV_PICTURE_TYPE_NONE;
    const next = index + 1 < frameCount ? ticksOf(options, index + 1) : endTicks(options);
    frame.duration = BigInt(next - ticksOf(options, index));
    checked(encoder.sendFrameSync(frame));
    receiveAll(encoder, packets);
  }
  checked(encoder.sendFrameSync(null));
  receiveAll(encoder, packets);
  return packets;
}

function makeFrame(options: FilmOptions, index: number, timeBase: Rate): Frame {
  const { size = { width: 128, height: 96 }, rotation = 0, scenes = [] } = options;
  const scene = scenes.filter((start) => start <= index).length;
  const upright = drawPicture(size, index, { isFlash: isFlash(options, index, timeBase), scene });
  const stored = turnPicture(upright, ((360 - rotation) % 360) as Turn);
  return Frame.fromVideoBuffer(yuvOf(stored, scene, options), {
    ...storedSize(options),
    format: pixelFormatOf(options),
    timeBase,
    pts: BigInt(ticksOf(options, index)),
  });
}

/** The first frame that is shown at or after each whole second. */
function isFlash(options: FilmOptions, index: number, timeBase: Rate): boolean {
  const seconds = (at: number) => (ticksOf(options, at) * timeBase.num) / timeBase.den;
  const now = seconds(index);
  if (index === 0) return now >= 0 && Number.isInteger(now);
  return Math.floor(now) > Math.floor(seconds(index - 1)) || Number.isInteger(now);
}

function yuvOf(
  { width, height, samples }: Luma,
  scene: number,
  { bitDepth = 8, codec }: FilmOptions,
): Buffer {
  const isTall = codec === "prores";
  const chromaLength = Math.ceil(width / 2) * (isTall ? height : Math.ceil(height / 2));
  const bytes = Buffer.alloc(samples.length + chromaLength * 2);
  bytes.set(samples);
  bytes.fill(90 + ((scene * 53) % 90), samples.length, samples.length + chromaLength);
  bytes.fill(110 + ((scene * 31) % 60), samples.length + chromaLength);
  if (bitDepth === 8 && !isTall) return bytes;
  const deep = Buffer.alloc(bytes.length * 2);
  for (const [at, value] of bytes.entries()) deep.writeUInt16LE(value << 2, at * 2);
  return deep;
}
