import { AV_LOG_QUIET, AVERROR_EOF, AVSEEK_FLAG_BACKWARD } from "node-av/constants";
import { FormatContext, Log, type Packet, type Stream } from "node-av/lib";
import { throwIfFailed } from "./media-error.js";

/** The containers that are read: no list of files, which could name others of this machine. */
const FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm";

/**
 * Reads the packets of a file's tracks in the order in which they are stored. A packet is read in
 * 10 us; the asynchronous calls of the library take ten times as long.
 */
export class MediaReader implements AsyncDisposable {
  readonly #context: FormatContext;

  private constructor(context: FormatContext) {
    this.#context = context;
  }

  /** @throws any error where the file is no MP4, MOV, MKV or WebM, or is damaged. */
  static async open(path: string): Promise<MediaReader> {
    // What it has to say of a file comes as errors.
    Log.setLevel(AV_LOG_QUIET);
    const context = new FormatContext();
    context.allocContext();
    context.setOption("format_whitelist", FORMATS);
    context.setOption("protocol_whitelist", "file");
    throwIfFailed(await context.openInput(path), "open the media file");
    const reader = new MediaReader(context);
    try {
      throwIfFailed(await context.findStreamInfo(), "read the media file's tracks");
      return reader;
    } catch (error) {
      await reader[Symbol.asyncDispose]();
      throw error;
    }
  }

  get streams(): readonly Stream[] {
    return this.#context.streams;
  }

  /** What the file says of itself: title, artist, `encoder`. */
  get tags(): Readonly<Record<string, string>> {
    return this.#context.metadata?.getAll() ?? {};
  }

  /** Whether it is MKV or WebM. */
  get isMatroska(): boolean {
    return this.#context.iformat?.name?.includes("matroska") ?? false;
  }

  /**
   * Reads the next packet into `packet`.
   *
   * @returns false at the end.
   */
  read(packet: Packet): boolean {
    packet.unref();
    const code = this.#context.readFrameSync(packet);
    if (code === AVERROR_EOF) return false;
    throwIfFailed(code, "read the media file");
    return true;
  }

  /** Goes to the last key packet of a track that is not decoded after `ticks`. */
  seek(stream: Stream, ticks: bigint): void {
    const code = this.#context.seekFrameSync(stream.index, ticks, AVSEEK_FLAG_BACKWARD);
    throwIfFailed(code, "go to a place in the media file");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#context.closeInput();
  }
}
