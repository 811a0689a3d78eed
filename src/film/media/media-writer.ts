import { Dictionary, FormatContext, type Packet, type Stream } from "node-av/lib";
import { throwIfFailed } from "./media-error.js";

/** Writes a media file of several tracks, packet by packet. */
export class MediaWriter implements AsyncDisposable {
  readonly #context: FormatContext;
  #isOpen = false;

  /** @param format as FFmpeg names it, e.g. `mp4`. */
  constructor(path: string, format: string) {
    this.#context = new FormatContext();
    const code = this.#context.allocOutputContext2(null, format, path);
    throwIfFailed(code, `write ${format}`);
  }

  /** Before {@link begin}. */
  addTrack(): Stream {
    return this.#context.newStream();
  }

  /** Writes the file's beginning: no track can be added any more, and each has its final time base. */
  async begin(
    tags: Readonly<Record<string, string>>,
    options: Readonly<Record<string, string | number>>,
  ): Promise<void> {
    const context = this.#context;
    context.metadata = Dictionary.fromObject(tags);
    for (const [name, value] of Object.entries(options))
      throwIfFailed(context.setOption(name, String(value)), `set ${name} of the film`);
    throwIfFailed(await context.openOutput(), "write the film");
    this.#isOpen = true;
    throwIfFailed(await context.writeHeader(), "write the film's tracks");
  }

  /** Writes a packet, whose track and times are set. Its content is gone afterwards. */
  write(packet: Packet): void {
    throwIfFailed(this.#context.writeFrameSync(packet), "write a packet of the film");
  }

  /** Ends a fragment, where the file is made of such: what was written is on its way to the disk. */
  endFragment(): void {
    throwIfFailed(this.#context.writeFrameSync(null), "write a part of the film");
  }

  /** Writes what is due only at the end: the file is whole. */
  async finish(): Promise<void> {
    throwIfFailed(await this.#context.writeTrailer(), "write the film's end");
    await this.#close();
  }

  async #close(): Promise<void> {
    if (this.#isOpen) await this.#context.closeOutput();
    this.#isOpen = false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
    this.#context.freeContext();
  }
}
