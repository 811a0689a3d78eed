import {
  AV_CODEC_FLAG_GLOBAL_HEADER,
  AV_PIX_FMT_YUV420P,
  CodecContext,
  Frame,
  type Packet,
  Rational,
} from "node-av";
import { crop, type Frame as Picture } from "../../../src/cpu-server/network/frame.js";
import { findEncoder, receiveAll } from "../films/encode.js";
import { checked, FilmWriter } from "../films/libav.js";
import { readPhotographs } from "../photographs.js";

const WIDTH = 160;
const HEIGHT = 96;
const TIME_BASE = { num: 1, den: 24 };
/** Grain like that of an old film: what networks with memory are there to take away. */
const GRAIN = 12;

/** Writes a film that wanders over a photograph, a pixel a frame, with grain: every step is like every other. */
export async function makeMovingFilm(path: string, frameCount: number): Promise<void> {
  const [photograph] = await readPhotographs();
  if (photograph === undefined) throw new Error("There is no photograph");
  const encoder = openEncoder();
  const writer = new FilmWriter(path);
  const stream = writer.format.newStream();
  checked(stream.codecpar.fromContext(encoder));
  stream.timeBase = new Rational(TIME_BASE.num, TIME_BASE.den);
  writer.begin();
  const random = randomNumbers();
  const packets: Packet[] = [];
  for (let index = 0; index < frameCount; index += 1) {
    const luma = lumaOf(viewAt(photograph.frame, index), random);
    using frame = Frame.fromVideoBuffer(luma, {
      ...{ width: WIDTH, height: HEIGHT, format: AV_PIX_FMT_YUV420P },
      ...{ timeBase: TIME_BASE, pts: BigInt(index) },
    });
    checked(encoder.sendFrameSync(frame));
    receiveAll(encoder, packets);
  }
  checked(encoder.sendFrameSync(null));
  receiveAll(encoder, packets);
  for (const packet of packets) {
    writer.write(packet, stream, TIME_BASE);
    packet.free();
  }
  writer.end();
  encoder.freeContext();
}

function openEncoder(): CodecContext {
  const codec = findEncoder("libx264");
  const context = new CodecContext();
  context.allocContext3(codec);
  Object.assign(context, { width: WIDTH, height: HEIGHT, pixelFormat: AV_PIX_FMT_YUV420P });
  context.timeBase = new Rational(TIME_BASE.num, TIME_BASE.den);
  context.framerate = new Rational(TIME_BASE.den, TIME_BASE.num);
  context.gopSize = 12;
  context.threadCount = 1;
  context.setFlags(AV_CODEC_FLAG_GLOBAL_HEADER);
  checked(context.setOption("crf", "8"));
  checked(context.open2Sync(codec));
  return context;
}

/** There and back again, so that a film may be as long as it likes. */
function viewAt(photograph: Picture, index: number): Picture {
  const room = photograph.width - WIDTH;
  const along = index % (2 * room);
  const left = along < room ? along : 2 * room - along;
  return crop(photograph, left, (photograph.height - HEIGHT) >> 1, WIDTH, HEIGHT);
}

function lumaOf({ rgb }: Picture, random: () => number): Buffer {
  const pixelCount = WIDTH * HEIGHT;
  const yuv = Buffer.alloc(pixelCount * 1.5, 128);
  for (let at = 0; at < pixelCount; at += 1) {
    const [red = 0, green = 0, blue = 0] = rgb.subarray(at * 3, at * 3 + 3);
    const value = 0.3 * red + 0.59 * green + 0.11 * blue;
    const noise = (random() + random() + random() - 1.5) * GRAIN;
    yuv[at] = Math.round(Math.min(235, Math.max(16, 16 + value * 0.86 + noise)));
  }
  return yuv;
}

/** The same numbers every time, between 0 and 1. */
function randomNumbers(): () => number {
  let state = 1;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
