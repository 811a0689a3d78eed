import type { CodecContext, Frame, Packet } from "node-av";
import { clockTime, damagedFilm } from "./damaged-film.js";
import type { OpenFilm } from "./open-film.js";

/** Enough to be faster than real time; the machine has other work. */
const THREADS = 2;

/** Decodes the picture of an open film. It must be disposed. */
export interface PictureDecoder extends Disposable {
  /**
   * Takes a packet, or null at the end, and gives the frames that are ready. Each belongs to the caller.
   *
   * @throws TaskError INPUT_DAMAGED, naming the time.
   */
  decode(packet: Packet | null): Promise<Frame[]>;
  /** Forgets all packets before: the next must be a key frame. */
  restart(): void;
}

/** Makes a decoder of the film's picture. */
export async function pictureDecoder({ picture }: OpenFilm): Promise<PictureDecoder> {
  const { Codec, CodecContext, FFmpegError } = await import("node-av");
  const context = new CodecContext();
  const codec = Codec.findDecoder(picture.codecpar.codecId);
  if (codec === null) throw damagedFilm("its codec cannot be decoded");
  context.allocContext3(codec);
  FFmpegError.throwIfError(context.parametersToContext(picture.codecpar));
  context.pktTimebase = picture.timeBase;
  context.threadCount = THREADS;
  FFmpegError.throwIfError(await context.open2(codec));
  return {
    decode: async (packet) => {
      const result = await context.sendPacket(packet);
      if (result < 0 && packet !== null) {
        const { num, den } = picture.timeBase;
        const at = clockTime((Number(packet.pts) * num) / den);
        throw damagedFilm(`it cannot be read at ${at}`, FFmpegError.fromCode(result) ?? undefined);
      }
      return await receiveFrames(context);
    },
    restart: () => context.flushBuffers(),
    [Symbol.dispose]: () => context.freeContext(),
  };
}

async function receiveFrames(context: CodecContext): Promise<Frame[]> {
  const { Frame } = await import("node-av");
  const frames: Frame[] = [];
  for (;;) {
    const frame = new Frame();
    frame.alloc();
    if ((await context.receiveFrame(frame)) < 0) {
      frame.free();
      return frames;
    }
    frames.push(frame);
  }
}

/** Decodes from where the film is read on, to its end. Each frame is freed when the next is asked for. */
export async function* decodedFrames(
  film: OpenFilm,
  signal: AbortSignal,
): AsyncGenerator<Frame, void, void> {
  const { Packet } = await import("node-av");
  using decoder = await pictureDecoder(film);
  using packet = new Packet();
  packet.alloc();
  let hasMore = true;
  while (hasMore) {
    signal.throwIfAborted();
    packet.unref();
    hasMore = film.format.readFrameSync(packet) >= 0;
    if (hasMore && packet.streamIndex !== film.picture.index) continue;
    for (const decoded of await decoder.decode(hasMore ? packet : null)) {
      using frame = decoded;
      yield frame;
    }
  }
}
