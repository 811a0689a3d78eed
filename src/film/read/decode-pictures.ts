import type { CodecContext, Frame, Packet } from "node-av";
import { clockTime, damagedFilm } from "./damaged-film.js";
import type { OpenFilm } from "./open-film.js";

/** Frames at most that a decoder keeps back. */
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
