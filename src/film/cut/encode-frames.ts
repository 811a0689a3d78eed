import type { AVPixelFormat, CodecParameters as Description, FFEncoderCodec } from "node-av";
import { AV_CODEC_FLAG_GLOBAL_HEADER, AV_PICTURE_TYPE_NONE } from "node-av/constants";
import {
  Codec,
  CodecContext,
  CodecParameters,
  FFmpegError,
  type Frame,
  Packet,
  Rational,
} from "node-av/lib";
import type { FilmContainer } from "../../domain/film.js";
import type { Ratio } from "../film-facts.js";
import { beginPiece } from "./piece-file.js";

/** An encoder by FFmpeg's name, with its options. */
export interface Encoder {
  readonly name: string;
  readonly options: Readonly<Record<string, string>>;
}

/** How frames are encoded. */
export interface Encoding {
  /** The size, pixels and colours of the frames. */
  readonly like: Description;
  readonly rate: Ratio;
  /** The first that takes the pixels counts. */
  readonly encoders: readonly Encoder[];
  readonly container: FilmContainer;
}

/** Writes frames into a file of their own, one after the other at a constant rate. */
export async function encodeFrames(
  frames: Iterable<Frame> | AsyncIterable<Frame>,
  { like, rate, encoders, container }: Encoding,
  outPath: string,
): Promise<void> {
  using encoder = await openEncoder(like, rate, encoders);
  using parameters = parametersOf(encoder);
  await using file = await beginPiece(outPath, container, parameters, rate);
  const timeBase = { num: rate.den, den: rate.num };
  const drain = async () => {
    using packet = new Packet();
    packet.alloc();
    while ((await encoder.receivePacket(packet)) >= 0) {
      if (packet.duration === 0n) packet.duration = 1n;
      await file.write(packet, timeBase);
    }
  };
  let number = 0n;
  for await (const given of frames) {
    using frame = numbered(given, number);
    FFmpegError.throwIfError(await encoder.sendFrame(frame), "encode frames");
    await drain();
    number += 1n;
  }
  FFmpegError.throwIfError(await encoder.sendFrame(null), "encode frames");
  await drain();
  await file.finish();
}

/** The same frame with another time; the pixels are shared. */
function numbered(given: Frame, number: bigint): Frame {
  const frame = given.clone();
  if (frame === null) throw new Error("There is no memory for a frame");
  frame.pts = number;
  frame.duration = 1n;
  frame.pictType = AV_PICTURE_TYPE_NONE;
  return frame;
}

function parametersOf(encoder: CodecContext): CodecParameters {
  const parameters = new CodecParameters();
  parameters.alloc();
  FFmpegError.throwIfError(parameters.fromContext(encoder));
  return parameters;
}

async function openEncoder(
  like: Description,
  rate: Ratio,
  encoders: readonly Encoder[],
): Promise<CodecContext> {
  for (const { name, options } of encoders) {
    const codec = Codec.findEncoderByName(name as FFEncoderCodec);
    if (codec === null) continue;
    const context = new CodecContext();
    context.allocContext3(codec);
    const { width, height, colorRange, colorPrimaries, colorTrc, colorSpace } = like;
    const { chromaLocation, format } = like;
    const pixelFormat = format as AVPixelFormat;
    Object.assign(context, { width, height, pixelFormat, chromaLocation });
    Object.assign(context, { colorRange, colorPrimaries, colorTrc, colorSpace });
    context.timeBase = new Rational(rate.den, rate.num);
    context.framerate = new Rational(rate.num, rate.den);
    context.setFlags(AV_CODEC_FLAG_GLOBAL_HEADER);
    for (const [option, value] of Object.entries(options)) context.setOption(option, value);
    if ((await context.open2(codec)) >= 0) return context;
    context.freeContext();
  }
  throw new Error("There is no encoder for the film's pixels");
}
