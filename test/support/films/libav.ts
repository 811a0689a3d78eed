import {
  AV_LOG_ERROR,
  AVIO_FLAG_WRITE,
  FFmpegError,
  FormatContext,
  IOContext,
  Log,
  type Packet,
  type Stream,
} from "node-av";

Log.setLevel(AV_LOG_ERROR);

/** Throws what FFmpeg means by a negative number. */
export function checked(result: number): number {
  FFmpegError.throwIfError(result);
  return result;
}

/** Opens a file for reading, with all that FFmpeg finds out about its tracks. */
export async function openForReading(path: string): Promise<FormatContext> {
  const input = new FormatContext();
  checked(await input.openInput(path, null, null));
  checked(input.findStreamInfoSync());
  return input;
}

/** A file that is being written: tracks first, then `begin`, then packets, then `end`. */
export class FilmWriter {
  readonly format = new FormatContext();
  private readonly io = new IOContext();

  /**
   * @param path - its extension is the container.
   * @param options - of FFmpeg's writer. None may be given as a Dictionary: the library frees it twice.
   */
  constructor(path: string, options: Readonly<Record<string, string>> = {}) {
    checked(this.format.allocOutputContext2(null, null, path));
    for (const [name, value] of Object.entries(options))
      checked(this.format.setOption(name, value));
    checked(this.io.open2Sync(path, AVIO_FLAG_WRITE));
    this.format.pb = this.io;
  }

  begin(): void {
    checked(this.format.writeHeaderSync());
  }

  /** Takes a packet in ticks of `timeBase`. */
  write(
    packet: Packet,
    stream: Stream,
    timeBase: { readonly num: number; readonly den: number },
  ): void {
    packet.streamIndex = stream.index;
    packet.rescaleTs(timeBase, stream.timeBase);
    checked(this.format.interleavedWriteFrameSync(packet));
  }

  end(): void {
    checked(this.format.writeTrailerSync());
    this.format.pb = null;
    this.io.closepSync();
    this.format.freeContext();
  }
}
