import { AV_CODEC_FLAG_GLOBAL_HEADER, AV_PIX_FMT_YUV420P } from "node-av/constants";
import {
  Codec,
  CodecContext,
  FFmpegError,
  FormatContext,
  type Frame,
  Packet,
  Rational,
} from "node-av/lib";

/** How a stand-in for a server saves a film. */
export interface SaveOptions {
  readonly width: number;
  readonly height: number;
  /** Frames a second, rounded to a thousandth as ComfyUI does. @default 24 */
  readonly fps?: number;
  /** Options of the encoder. @default none: what ComfyUI's servers set */
  readonly encoder?: Readonly<Record<string, string>>;
}

/** Encodes frames as ComfyUI's SaveVideo does: H.264 at a constant rate, B-frames, one configuration. */
export function saveVideo(path: string, frames: Iterable<Frame>, options: SaveOptions): void {
  const { width, height, fps = 24, encoder = {} } = options;
  const rate = new Rational(Math.round(fps * 1000), 1000);
  const codec = Codec.findEncoderByName("libx264");
  using context = new CodecContext();
  context.allocContext3(codec);
  const timeBase = rate.inv();
  Object.assign(context, { width, height, pixelFormat: AV_PIX_FMT_YUV420P, timeBase });
  context.framerate = rate;
  context.setFlags(AV_CODEC_FLAG_GLOBAL_HEADER);
  for (const [name, value] of Object.entries(encoder)) check(context.setOption(name, value));
  check(context.open2Sync(codec));
  const output = new FormatContext();
  check(output.allocOutputContext2(null, "mp4", path));
  const stream = output.newStream();
  stream.timeBase = timeBase;
  check(stream.codecpar.fromContext(context));
  stream.avgFrameRate = rate;
  check(output.openOutputSync());
  check(output.writeHeaderSync());
  using packet = new Packet();
  packet.alloc();
  const drain = (): void => {
    while (context.receivePacketSync(packet) >= 0) {
      packet.duration = 1n;
      packet.rescaleTs(timeBase, stream.timeBase);
      check(output.writeFrameSync(packet));
    }
  };
  let index = 0n;
  for (const frame of frames) {
    using picture = frame;
    picture.pts = index++;
    check(context.sendFrameSync(picture));
    drain();
  }
  check(context.sendFrameSync(null));
  drain();
  check(output.writeTrailerSync());
  output.closeOutputSync();
}

function check(code: number): void {
  FFmpegError.throwIfError(code, "save the stand-in's film");
}
