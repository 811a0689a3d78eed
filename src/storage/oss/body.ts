import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import { errorCode } from "../../lib/error-code.js";

/** Read size; 64 KiB, the default, is up to three times as slow. */
const READ_BYTES = 1024 * 1024;

/** The local file cannot be read, or is no longer what it was. */
export class SourceError extends Error {
  override readonly name = "SourceError";
}

/** Bytes of a file from `startBytes` to before `endBytes`. */
export interface FileRange {
  readonly path: string;
  readonly startBytes: number;
  readonly endBytes: number;
}

/** A range of a file on its way: counted and hashed while it is read. For one try. */
export class OssBody {
  readonly stream: Readable;
  readonly sizeBytes: number;
  readonly #hash: Hash = createHash("md5");
  #failure: SourceError | undefined;

  /** @param onSent called with the bytes that were taken so far. */
  constructor(range: FileRange, onSent: (sentBytes: number) => void = () => {}) {
    this.sizeBytes = range.endBytes - range.startBytes;
    this.stream = Readable.from(this.#read(range, onSent), { objectMode: false });
  }

  /** Why the file could not be read to the end; what came of the upload is then beside the point. */
  get failure(): SourceError | undefined {
    return this.#failure;
  }

  /** Of the whole range, in hexadecimal; once, after the end. */
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

/** The MD5 of a range in hexadecimal, without sending it. @throws SourceError */
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
