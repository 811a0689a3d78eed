import { join } from "node:path";
import {
  AV_CODEC_FLAG_GLOBAL_HEADER,
  AV_PIX_FMT_YUV420P,
  CodecContext,
  Dictionary,
  Frame,
  type Packet,
  Rational,
} from "node-av";
import { findEncoder, receiveAll } from "./encode.js";
import { drawPicture, type Turn, turnPicture } from "./film-picture.js";
import { checked, FilmWriter } from "./libav.js";
import type { ShownFrame } from "./read-film-clip.js";

/** How a stand-in for a server makes results of a film. */
export interface ServerHabits {
  /** Frames a second of every result, rounded to a thousandth as ComfyUI does. @default 24 */
  readonly fps?: number;
  /** Whether it turns frames upright. @default false */
  readonly isUpright?: boolean;
  /** Levels of 255 by which its frames are brighter. @default 0 */
  readonly lift?: number;
  /** FFmpeg's encoder. @default "libx264" */
  readonly encoderName?: string;
  /** Options of its encoder. @default as ComfyUI's servers have it, but always with reordered frames */
  readonly encoder?: Readonly<Record<string, string>>;
}

/** A result of a stand-in. */
export interface SavedResult {
  readonly path: string;
  readonly frameCount: number;
  readonly leadCount: number;
  readonly fadingCount: number;
}

const SCALE = 2;
const REORDERED = { "x264-params": "b-adapt=0" } as const;
/** Of another build: another profile, another kind of coding. */
export const OTHER_BUILD = { "x264-params": "bframes=2:b-adapt=0:ref=1:cabac=0:8x8dct=0" } as const;

/**
 * Makes the results of a film's chunks as ComfyUI does: each frame of twice the size, at a constant
 * rate, without sound, turn, pixel aspect and colours, each chunk apart. Chunks take turns between
 * servers.
 *
 * @param leads how many frames from before its own each chunk has behind them. @default none
 */
export function saveResults(
  directory: string,
  frames: readonly ShownFrame[],
  counts: readonly number[],
  servers: readonly ServerHabits[] = [{}],
  leads: readonly number[] = [],
): readonly SavedResult[] {
  let first = 0;
  return counts.map((frameCount, index) => {
    const path = join(directory, `result-${index}.mp4`);
    const server = servers[index % servers.length] ?? {};
    const leadCount = leads[index] ?? 0;
    const own = frames.slice(first, first + frameCount);
    saveVideo(path, [...own, ...frames.slice(first - leadCount, first)], server);
    first += frameCount;
    return {
      path,
      frameCount,
      leadCount,
      fadingCount: Math.min(frameCount, leads[index + 1] ?? 0),
    };
  });
}

function saveVideo(path: string, frames: readonly ShownFrame[], server: ServerHabits): void {
  const { fps = 24, isUpright = false, encoder: options = REORDERED } = server;
  const rate = new Rational(Math.round(fps * 1000), 1000);
  const pictures = frames.map((frame) => pictureOf(frame, isUpright));
  const { width = 0, height = 0 } = pictures[0] ?? {};
  const codec = findEncoder(server.encoderName ?? "libx264");
  using encoder = new CodecContext();
  encoder.allocContext3(codec);
  Object.assign(encoder, { width, height, pixelFormat: AV_PIX_FMT_YUV420P, framerate: rate });
  encoder.timeBase = rate.inv();
  encoder.setFlags(AV_CODEC_FLAG_GLOBAL_HEADER);
  for (const [name, value] of Object.entries(options)) checked(encoder.setOption(name, value));
  checked(encoder.open2Sync(codec));
  const packets: Packet[] = [];
  for (const [index, picture] of pictures.entries()) {
    using frame = Frame.fromVideoBuffer(yuvOf(picture, server.lift), {
      ...{ width, height, format: AV_PIX_FMT_YUV420P, pts: BigInt(index) },
    });
    checked(encoder.sendFrameSync(frame));
    receiveAll(encoder, packets);
  }
  checked(encoder.sendFrameSync(null));
  receiveAll(encoder, packets);
  write(path, encoder, packets, rate);
}

function write(path: string, encoder: CodecContext, packets: Packet[], rate: Rational): void {
  const writer = new FilmWriter(path);
  writer.format.metadata = Dictionary.fromObject({ prompt: "{}" });
  const stream = writer.format.newStream();
  checked(stream.codecpar.fromContext(encoder));
  stream.timeBase = rate.inv();
  stream.avgFrameRate = rate;
  writer.begin();
  for (const packet of packets) {
    packet.duration = 1n;
    writer.write(packet, stream, rate.inv());
    packet.free();
  }
  writer.end();
}

/** The picture of a source as a server gives it back: upright, or as the source stores it. */
function pictureOf({ width, height, number, isFlash, turn }: ShownFrame, isUpright: boolean) {
  const isSideways = turn % 180 !== 0;
  const [wide, tall] = isSideways ? [height, width] : [width, height];
  const even = (edge: number): number => Math.ceil((edge * SCALE) / 2) * 2;
  const upright = drawPicture({ width: even(wide), height: even(tall) }, number, {
    isFlash,
    scene: 0,
  });
  return isUpright ? upright : turnPicture(upright, ((360 - turn) % 360) as Turn);
}

function yuvOf({ samples }: { readonly samples: Uint8Array }, lift = 0): Buffer {
  const bytes = Buffer.alloc(samples.length * 1.5, 128);
  bytes.set(samples.map((sample) => Math.min(235, sample + lift)));
  return bytes;
}
