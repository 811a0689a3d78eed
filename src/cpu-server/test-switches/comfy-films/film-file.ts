import { readFile, writeFile } from "node:fs/promises";
import {
  AV_CODEC_FLAG_GLOBAL_HEADER,
  AVIO_FLAG_WRITE,
  type FFEncoderCodec,
} from "node-av/constants";
import {
  Codec,
  CodecContext,
  Dictionary,
  FFmpegError,
  FormatContext,
  type Frame,
  IOContext,
  Packet,
  type Stream,
} from "node-av/lib";

/** A file that is written by FFmpeg, as ComfyUI's are: tracks first, then `begin`, then frames, then `end`. */
export class FilmFile implements Disposable {
  readonly #format = new FormatContext();
  readonly #io = new IOContext();
  readonly #tracks: FilmTrack[] = [];
  readonly #path: string;
  #isOpen = false;

  constructor(path: string) {
    this.#path = path;
    checked(this.#format.allocOutputContext2(null, "mp4", path));
    checked(this.#format.setOption("movflags", "use_metadata_tags"));
    checked(this.#io.open2Sync(path, AVIO_FLAG_WRITE));
    this.#isOpen = true;
    this.#format.pb = this.#io;
  }

  /** @param set fills in what the encoder needs. */
  addTrack(encoderName: string, set: (encoder: CodecContext) => void): FilmTrack {
    const codec = Codec.findEncoderByName(encoderName as FFEncoderCodec);
    if (codec === null) throw new Error(`There is no encoder ${encoderName}`);
    const encoder = new CodecContext();
    encoder.allocContext3(codec);
    set(encoder);
    encoder.setFlags(AV_CODEC_FLAG_GLOBAL_HEADER);
    checked(encoder.open2Sync(codec));
    const stream = this.#format.newStream();
    checked(stream.codecpar.fromContext(encoder));
    stream.timeBase = encoder.timeBase;
    const track = { encoder, stream };
    this.#tracks.push(track);
    return track;
  }

  begin(tags: Readonly<Record<string, string>>): void {
    this.#format.metadata = Dictionary.fromObject(tags);
    checked(this.#format.writeHeaderSync());
  }

  /** Takes a frame of a track; null is the end of the track. */
  async write({ encoder, stream }: FilmTrack, frame: Frame | null): Promise<void> {
    checked(await encoder.sendFrame(frame));
    using packet = new Packet();
    packet.alloc();
    while (encoder.receivePacketSync(packet) >= 0) {
      packet.streamIndex = stream.index;
      if (packet.duration === 0n) packet.duration = 1n;
      packet.rescaleTs(encoder.timeBase, stream.timeBase);
      checked(this.#format.interleavedWriteFrameSync(packet));
    }
  }

  /** @param writerName what the file is to say that it was written by, as long as FFmpeg's own name. */
  async end(writerName: string): Promise<void> {
    checked(this.#format.writeTrailerSync());
    this.#close();
    const content = await readFile(this.#path);
    const at = content.lastIndexOf("Lavf");
    if (at < 0) throw new Error("The file does not say what wrote it");
    content.write(writerName, at, "latin1");
    await writeFile(this.#path, content);
  }

  [Symbol.dispose](): void {
    this.#close();
    for (const { encoder } of this.#tracks) encoder.freeContext();
    this.#format.freeContext();
  }

  #close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#format.pb = null;
    this.#io.closepSync();
  }
}

/** A track of a {@link FilmFile}. */
export interface FilmTrack {
  readonly encoder: CodecContext;
  readonly stream: Stream;
}

function checked(result: number): void {
  FFmpegError.throwIfError(result);
}
