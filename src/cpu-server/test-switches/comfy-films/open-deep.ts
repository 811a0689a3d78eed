import { AV_LOG_QUIET, AV_PIX_FMT_YUV420P10LE, AVMEDIA_TYPE_VIDEO } from "node-av/constants";
import { Codec, CodecContext, FFmpegError, FormatContext, Frame, Log, Packet } from "node-av/lib";
import type { Video } from "../../video/video.js";
import type { DeepFrame } from "./deep-frame.js";

/**
 * Opens a film with all of its 10 bits, as ComfyUI does since 0.35.
 *
 * @returns undefined for one of 8 bits.
 */
export async function openDeep(path: string): Promise<Video | undefined> {
  using input = new DeepInput(path);
  const { codecpar, avgFrameRate } = input.stream;
  if (codecpar.format !== AV_PIX_FMT_YUV420P10LE) return undefined;
  const { width, height } = codecpar;
  let count = 0;
  using packet = new Packet();
  packet.alloc();
  while (input.read(packet)) count += 1;
  const fps = avgFrameRate.num / avgFrameRate.den;
  const facts = { fps, rotation: 0, flip: false, colorSpace: {} } as const;
  const film = { ...facts, pixelAspectRatio: { num: 1, den: 1 } };
  const frames = { width, height, count, film, isBoundToRun: false };
  return {
    frames: { ...frames, [Symbol.asyncIterator]: () => readDeep(path) },
    ...{ fps, audio: null },
  };
}

async function* readDeep(path: string): AsyncGenerator<DeepFrame, void> {
  using input = new DeepInput(path);
  using decoder = new CodecContext();
  using packet = new Packet();
  using frame = new Frame();
  packet.alloc();
  frame.alloc();
  const codec = Codec.findDecoder(input.stream.codecpar.codecId);
  decoder.allocContext3(codec);
  checked(input.stream.codecpar.toContext(decoder));
  checked(decoder.open2Sync(codec));
  for (let hasMore = true; hasMore; ) {
    hasMore = input.read(packet);
    checked(await decoder.sendPacket(hasMore ? packet : null));
    while (decoder.receiveFrameSync(frame) >= 0) {
      const { width, height } = frame;
      const planes = new Uint16Array(new Uint8Array(frame.toBuffer()).buffer);
      yield { width, height, planes, rgb: new Uint8Array(width * height * 3).fill(GREY) };
    }
  }
}

const GREY = 128;

/** The packets of a file's picture. */
class DeepInput implements Disposable {
  readonly #format = new FormatContext();

  constructor(path: string) {
    Log.setLevel(AV_LOG_QUIET);
    this.#format.allocContext();
    checked(this.#format.openInputSync(path, null, null));
    checked(this.#format.findStreamInfoSync());
  }

  get stream() {
    const stream = this.#format.streams.find(
      ({ codecpar }) => codecpar.codecType === AVMEDIA_TYPE_VIDEO,
    );
    if (stream === undefined) throw new Error("There is no video in the file");
    return stream;
  }

  read(packet: Packet): boolean {
    const { index } = this.stream;
    do {
      packet.unref();
      if (this.#format.readFrameSync(packet) < 0) return false;
    } while (packet.streamIndex !== index);
    return true;
  }

  [Symbol.dispose](): void {
    this.#format.closeInputSync();
  }
}

function checked(result: number): void {
  FFmpegError.throwIfError(result);
}
