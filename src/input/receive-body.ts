import { pipeline, type Readable } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate } from "node:zlib";
import type { TaskError } from "../domain/errors.js";
import { errorCode } from "../lib/error-code.js";
import type { OpeningFile } from "../lib/opening-file.js";
import { type ContentCoding, inputTooLarge } from "./accept-response.js";
import { downloadError } from "./download-error.js";
import type { PartFile } from "./part-file.js";

/** Limits of receiving a body. */
export interface ReceiveLimits {
  /** Limit of the file as it is kept, after decompression. */
  readonly maxBytes: number;
  /** The lowest allowed speed, averaged over `speedWindowMs`. */
  readonly minBytesPerSecond: number;
  readonly speedWindowMs: number;
}

/** A body on its way into a file. */
export interface ArrivingBody {
  readonly body: Readable;
  readonly codings: readonly ContentCoding[];
  readonly file: OpeningFile;
}

/**
 * Appends a body to `part`, decompressed, and counts the bytes on disk. Calls `onGrow` after every
 * piece.
 *
 * @throws TaskError INPUT_TOO_LARGE, INPUT_TIMEOUT (slower than the limit) or INPUT_TRUNCATED;
 *   errors of decompression and of the file system unchanged.
 */
export async function receiveBody(
  url: string,
  { body, codings, file }: ArrivingBody,
  part: PartFile,
  limits: ReceiveLimits,
  onGrow: () => void,
): Promise<void> {
  const watch = watchSpeed(url, body, part, limits);
  try {
    // The origin may have forced a new beginning.
    if (part.sizeBytes === 0) await file.restart();
    let receivedBytes = part.sizeBytes;
    await using writer = new WriteBehind(async (bytes) => {
      await file.append(bytes);
      part.grow(bytes.length);
      onGrow();
    });
    for await (const chunk of decode(body, codings)) {
      receivedBytes += chunk.length;
      if (receivedBytes > limits.maxBytes)
        throw inputTooLarge(url, `it has at least ${receivedBytes} bytes`, limits.maxBytes);
      await writer.write(chunk);
    }
    await writer.end();
  } catch (thrown) {
    throw isCut(thrown) ? truncated(url, part, thrown) : thrown;
  } finally {
    clearInterval(watch);
  }
  if (part.sizeBytes !== (part.totalBytes ?? part.sizeBytes)) throw truncated(url, part);
}

/** So much may wait for the write before. */
const GATHER_BYTES = 1024 * 1024;

/** Writes what has arrived while more arrives. */
class WriteBehind implements AsyncDisposable {
  readonly #write: (bytes: Buffer) => Promise<void>;
  #gathered: Buffer[] = [];
  #gatheredBytes = 0;
  #writing: Promise<void> | undefined;
  #hasFailed = false;

  constructor(write: (bytes: Buffer) => Promise<void>) {
    this.#write = write;
  }

  /** Waits only where much is not written yet. @throws what a write before has thrown */
  async write(chunk: Buffer): Promise<void> {
    this.#gathered.push(chunk);
    this.#gatheredBytes += chunk.length;
    this.#writing ??= this.#drain();
    this.#writing.catch(() => {
      this.#hasFailed = true;
    });
    if (this.#hasFailed || this.#gatheredBytes >= GATHER_BYTES) await this.#writing;
  }

  /** @throws what a write has thrown */
  async end(): Promise<void> {
    await this.#writing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing?.catch(() => undefined);
  }

  async #drain(): Promise<void> {
    while (this.#gathered.length > 0) {
      const bytes = Buffer.concat(this.#gathered);
      this.#gathered = [];
      this.#gatheredBytes = 0;
      await this.#write(bytes);
    }
    this.#writing = undefined;
  }
}

/** By a reset, by an early end, or by an end before Content-Length. */
const CUTS = ["ECONNRESET", "EPIPE", "UND_ERR_SOCKET", "UND_ERR_RES_CONTENT_LENGTH_MISMATCH"];

function isCut(thrown: unknown): boolean {
  return CUTS.includes(errorCode(thrown));
}

function truncated(url: string, part: PartFile, cause?: unknown): TaskError {
  const whole = part.totalBytes === undefined ? "" : ` of ${part.totalBytes}`;
  const reason = `the server stopped after ${part.sizeBytes}${whole} bytes`;
  return downloadError("INPUT_TRUNCATED", url, reason, { cause });
}

/** Aborts a body that arrives more slowly than the limit, or not at all. */
function watchSpeed(
  url: string,
  body: Readable,
  part: PartFile,
  { minBytesPerSecond, speedWindowMs }: ReceiveLimits,
): NodeJS.Timeout {
  let seenBytes = part.sizeBytes;
  return setInterval(() => {
    const grownBytes = part.sizeBytes - seenBytes;
    seenBytes = part.sizeBytes;
    if (grownBytes >= (minBytesPerSecond * speedWindowMs) / 1000) return;
    const reason = `the server sends less than ${minBytesPerSecond} bytes per second`;
    body.destroy(downloadError("INPUT_TIMEOUT", url, reason));
  }, speedWindowMs);
}

/** Undoes the codings, the one that was applied last first. */
function decode(body: Readable, codings: readonly ContentCoding[]): AsyncIterable<Buffer> {
  // Each pipeline passes an error of its source to its decoder, where the next one gets it.
  return codings
    .map((coding) => DECODERS[coding])
    .reduceRight<Readable>((encoded, create) => pipeline(encoded, create(), () => {}), body);
}

const DECODERS = { gzip: createGunzip, deflate: createInflate, br: createBrotliDecompress };
