import type { AVPixelFormat, FFEncoderCodec } from "node-av";
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
import type { FilmFacts, Ratio } from "../film-facts.js";
import type { PlannedPiece } from "../plan/plan-pieces.js";
import type { FrameWindow } from "./frame-window.js";
import { beginPiece, pieceRate } from "./piece-file.js";

/** Encoders without loss, the first that takes the pixels counts. All decoders of ComfyUI read both. */
const LOSSLESS = [
  { name: "libx264", options: { preset: "ultrafast", qp: "0" } },
  { name: "ffv1", options: {} },
] as const;

/**
 * Writes a piece that cannot be cut: its frames are decoded and encoded without loss, pixel by pixel
 * the same, and it begins with the first that the network is given. The container is MKV.
 */
export async function encodePiece(
  window: FrameWindow,
  film: FilmFacts,
  { firstFrame, frameCount, beforeCount, afterCount, source }: PlannedPiece,
  outPath: string,
  signal: AbortSignal,
): Promise<void> {
  const rate = pieceRate(film);
  const count = beforeCount + frameCount + afterCount;
  using encoder = await openEncoder(window, rate);
  using parameters = parametersOf(encoder);
  await using file = await beginPiece(outPath, "mkv", parameters, rate);
  const timeBase = { num: rate.den, den: rate.num };
  const drain = async () => {
    using packet = new Packet();
    packet.alloc();
    while ((await encoder.receivePacket(packet)) >= 0) await file.write(packet, timeBase);
  };
  let number = 0n;
  for await (const decoded of window.frames(
    firstFrame - beforeCount,
    count,
    source.entryTicks,
    signal,
  )) {
    using frame = numbered(decoded, number);
    FFmpegError.throwIfError(await encoder.sendFrame(frame), "encode a piece");
    await drain();
    number += 1n;
  }
  FFmpegError.throwIfError(await encoder.sendFrame(null), "encode a piece");
  await drain();
  await file.finish();
}

/** The same frame with another time; the pixels are shared. */
function numbered(decoded: Frame, number: bigint): Frame {
  const frame = decoded.clone();
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

async function openEncoder({ picture }: FrameWindow, rate: Ratio): Promise<CodecContext> {
  const { codecpar } = picture;
  for (const { name, options } of LOSSLESS) {
    const codec = Codec.findEncoderByName(name as FFEncoderCodec);
    if (codec === null) continue;
    const context = new CodecContext();
    context.allocContext3(codec);
    const { width, height, colorRange, colorPrimaries, colorTrc, colorSpace } = codecpar;
    const { chromaLocation, format } = codecpar;
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
  throw new Error("There is no encoder without loss for the film's pixels");
}
