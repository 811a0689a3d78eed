import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import { errorCode } from "../../lib/error-code.js";

/** Size of one read. With the default of 64 KiB, reading is up to three times slower. */
const READ_BYTES = 1024 * 1024;

/** The local file cannot be read, or it has changed. */
export class SourceError extends Error {
  override readonly name = "SourceError";
}

/** The bytes of a file from `startBytes` up to but not including `endBytes`. */
export interface FileRange {
  readonly path: string;
  readonly startBytes: number;
  readonly endBytes: number;
}

/**
 * A range of a file that is being sent. It is counted and hashed while it is read. Used for one try
 * only.
 */
export class OssBody {
  readonly stream: Readable;
  readonly sizeBytes: number;
  readonly #hash: Hash = createHash("md5");
  #failure: SourceError | undefined;

  /** @param onSent called with the number of bytes sent so far. */
  constructor(range: FileRange, onSent: (sentBytes: number) => void = () => {}) {
    this.sizeBytes = range.endBytes - range.startBytes;
    this.stream = Readable.from(this.#read(range, onSent), { objectMode: false });
  }

  /**
   * Why the file could not be read to its end. If it is set, the error of the upload does not
   * matter.
   */
  get failure(): SourceError | undefined {
    return this.#failure;
  }

  /** The MD5 of the whole range in hexadecimal. Call it once, after the end of the stream. */
  md5(): string {
    return this.#hash.digest("hex");
  }

  async *#read(range: FileRange, onSent: (sentBytes: number) => void): AsyncGenerator<Buffer> {
    let sentBytes = 0;
    try {
      for await (const chunk of readRange(range)) {
        this.#hash.update(chunk);
        yield chunk;
        sentBytes += chunk.length;
        onSent(sentBytes);
      }
      if (sentBytes < this.sizeBytes) throw new SourceError("the local file became shorter");
    } catch (thrown) {
      this.#failure = toSourceError(thrown);
      throw this.#failure;
    }
  }
}

/** The MD5 of a range in hexadecimal. Nothing is sent. @throws SourceError */
export async function hashRange(range: FileRange, signal: AbortSignal): Promise<string> {
  const body = new OssBody(range);
  for await (const _ of body.stream) signal.throwIfAborted();
  return body.md5();
}

function readRange({ path, startBytes, endBytes }: FileRange): AsyncIterable<Buffer> {
  return createReadStream(path, {
    start: startBytes,
    end: endBytes - 1,
    highWaterMark: READ_BYTES,
  });
}

function toSourceError(thrown: unknown): SourceError {
  if (thrown instanceof SourceError) return thrown;
  return new SourceError(`the local file cannot be read (${errorCode(thrown)})`, { cause: thrown });
}
