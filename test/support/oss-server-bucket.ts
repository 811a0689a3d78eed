import { createHash, randomBytes } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { OssRefusal } from "./oss-server-refusal.js";

/** The bytes of one request. */
export interface StoredPiece {
  readonly path: string;
  readonly sizeBytes: number;
  /** The MD5 in upper-case hexadecimal. */
  readonly etag: string;
}

/** An object of the bucket. */
export interface StoredObject {
  readonly pieces: readonly StoredPiece[];
  readonly sizeBytes: number;
  readonly etag: string;
  readonly modifiedAt: Date;
  /** The content and `x-oss-meta-` headers of the request that stored it. */
  readonly headers: Readonly<Record<string, string>>;
}

/** An upload in parts that is neither completed nor aborted. */
export interface OpenUpload {
  readonly key: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly parts: Map<number, StoredPiece>;
}

const MIN_PART_BYTES = 100 * 1024;
const MAX_PART_NUMBER = 10_000;

/**
 * Objects and uploads, with their bytes in files. It knows the rules of parts and nothing about
 * HTTP.
 */
export class OssServerBucket implements AsyncDisposable {
  readonly objects = new Map<string, StoredObject>();
  readonly uploads = new Map<string, OpenUpload>();
  readonly #directory: string;
  #pieceCount = 0;

  constructor(directory: string) {
    this.#directory = directory;
  }

  static async create(): Promise<OssServerBucket> {
    return new OssServerBucket(await mkdtemp(join(tmpdir(), "tmlsr-test-oss-")));
  }

  /** Writes a body to a file. If it breaks off, nothing is left. */
  async receive(
    body: AsyncIterable<Buffer>,
    options: {
      readonly contentMd5?: string;
      readonly corrupt: boolean;
      readonly onBytes: (count: number) => void;
    },
  ): Promise<StoredPiece> {
    const path = join(this.#directory, String(this.#pieceCount++));
    const md5 = createHash("md5");
    let sizeBytes = 0;
    const measure = new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        if (options.corrupt && sizeBytes === 0) chunk[0] = (chunk[0] ?? 0) ^ 1;
        md5.update(chunk);
        sizeBytes += chunk.length;
        options.onBytes(chunk.length);
        done(null, chunk);
      },
    });
    try {
      await pipeline(body, measure, createWriteStream(path));
    } catch (error) {
      await rm(path, { force: true });
      throw error;
    }
    const digest = md5.digest();
    if (options.contentMd5 !== undefined && options.contentMd5 !== digest.toString("base64"))
      throw new OssRefusal(400, "InvalidDigest", "The Content-MD5 you specified was invalid.");
    return { path, sizeBytes, etag: digest.toString("hex").toUpperCase() };
  }

  putObject(key: string, piece: StoredPiece, headers: StoredObject["headers"]): void {
    const { sizeBytes, etag } = piece;
    this.objects.set(key, { pieces: [piece], sizeBytes, etag, headers, modifiedAt: new Date() });
  }

  /** @returns the upload's id */
  beginUpload(key: string, headers: StoredObject["headers"]): string {
    const uploadId = randomBytes(16).toString("hex").toUpperCase();
    this.uploads.set(uploadId, { key, headers, parts: new Map() });
    return uploadId;
  }

  upload(key: string, uploadId: string): OpenUpload {
    const upload = this.uploads.get(uploadId);
    if (upload?.key === key) return upload;
    throw new OssRefusal(404, "NoSuchUpload", "The specified upload does not exist.");
  }

  putPart(key: string, uploadId: string, partNumber: number, piece: StoredPiece): void {
    this.upload(key, uploadId).parts.set(checkPartNumber(partNumber), piece);
  }

  abortUpload(key: string, uploadId: string): void {
    this.upload(key, uploadId);
    this.uploads.delete(uploadId);
  }

  /** @returns the object's ETag */
  completeUpload(
    key: string,
    uploadId: string,
    listed: readonly { readonly partNumber: number; readonly etag: string }[],
  ): string {
    const { parts, headers } = this.upload(key, uploadId);
    if (listed.length === 0)
      throw new OssRefusal(400, "MalformedXML", "The list of parts is empty.");
    const numbers = listed.map(({ partNumber }) => partNumber);
    if (numbers.some((number, index) => number <= (numbers[index - 1] ?? 0)))
      throw new OssRefusal(
        400,
        "InvalidPartOrder",
        "The list of parts was not in ascending order.",
      );
    const pieces = listed.map(({ partNumber, etag }) => {
      const piece = parts.get(partNumber);
      if (piece?.etag === etag.toUpperCase()) return piece;
      throw new OssRefusal(
        400,
        "InvalidPart",
        "One or more of the specified parts could not be found.",
      );
    });
    if (pieces.slice(0, -1).some(({ sizeBytes }) => sizeBytes < MIN_PART_BYTES))
      throw new OssRefusal(400, "EntityTooSmall", "A part but the last is smaller than 100 KB.");
    const whole = createHash("md5").update(pieces.map(({ etag }) => etag).join(""));
    const etag = `${whole.digest("hex").toUpperCase()}-${pieces.length}`;
    const sizeBytes = pieces.reduce((sum, piece) => sum + piece.sizeBytes, 0);
    this.objects.set(key, { pieces, sizeBytes, etag, headers, modifiedAt: new Date() });
    this.uploads.delete(uploadId);
    return etag;
  }

  object(key: string): StoredObject {
    const object = this.objects.get(key);
    if (object !== undefined) return object;
    throw new OssRefusal(404, "NoSuchKey", "The specified key does not exist.");
  }

  async *read({ pieces }: StoredObject, firstByte = 0): AsyncGenerator<Buffer> {
    let skipBytes = firstByte;
    for (const { path, sizeBytes } of pieces) {
      if (skipBytes < sizeBytes)
        yield* createReadStream(path, { start: skipBytes }) as AsyncIterable<Buffer>;
      skipBytes = Math.max(0, skipBytes - sizeBytes);
    }
  }

  /** The objects whose keys begin with `prefix` and come after `after`, by key. */
  list(prefix: string, after: string): readonly (readonly [string, StoredObject])[] {
    const all = [...this.objects].filter(([key]) => key.startsWith(prefix) && key > after);
    return all.sort(([a], [b]) => (a < b ? -1 : 1));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

function checkPartNumber(partNumber: number): number {
  if (partNumber >= 1 && partNumber <= MAX_PART_NUMBER) return partNumber;
  throw new OssRefusal(
    400,
    "InvalidArgument",
    "Part number must be an integer between 1 and 10000.",
  );
}
