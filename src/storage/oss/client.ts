import type { LookupFunction } from "node:net";
import { Readable } from "node:stream";
import { defined } from "../../lib/defined.js";
import type { ObjectInfo } from "../object-storage.js";
import type { OssAddress } from "./address.js";
import type { OssBody } from "./body.js";
import type { OssAccessKey, OssCredentials } from "./credentials.js";
import { OssFailure, toOssFailure } from "./failure.js";
import { createOssSdk, type OssSdk } from "./sdk.js";
import { OssTransport } from "./transport.js";

/** A part as OSS lists it. */
export interface StoredPart {
  readonly number: number;
  /** Without quotes. It is the MD5 in hexadecimal, unless the bucket encrypts with a KMS key. */
  readonly etag: string;
  readonly sizeBytes: number;
}

/** Facts about a stored object, without its bytes. */
export interface ObjectHead extends ObjectInfo {
  /** See {@link ObjectHeaders}. */
  readonly fileId: string | undefined;
}

/** One page of a list. */
export interface ObjectPage {
  readonly objects: readonly ObjectInfo[];
  /** The token of the next page. Absent on the last page. */
  readonly next?: string;
}

/** Headers that are stored with an object. */
export interface ObjectHeaders {
  readonly mediaType: string;
  readonly contentDisposition: string;
  /** Stored with the object; {@link OssClient.head} returns it. */
  readonly fileId: string;
}

/** Options of {@link OssClient}. */
export interface OssClientOptions {
  readonly address: OssAddress;
  readonly credentials: OssCredentials;
  /** Aborts all calls. */
  readonly signal: AbortSignal;
  /** How long a connection may be idle during a call. */
  readonly idleMs: number;
  /** @default the system's resolver */
  readonly lookup?: LookupFunction;
}

/** OSS assembles a large object before it answers. */
const COMPLETE_IDLE_MS = 5 * 60_000;
const FILE_ID_HEADER = "x-oss-meta-file-id";
/** Error codes of OSS for an access key that no longer exists or a token that has expired. */
const STALE_KEY_CODES: readonly string[] = [
  "InvalidAccessKeyId",
  "InvalidSecurityToken",
  "SecurityTokenExpired",
];

/**
 * Calls to one bucket. Each call is tried once. Each upload has its own client with its own
 * connections, so aborting the signal cuts only the connections of that upload.
 *
 * Every method throws OssFailure; the signal's reason if it is aborted; SourceError if a file is
 * read; TaskError if there are no credentials.
 */
export class OssClient implements Disposable {
  readonly #options: OssClientOptions;
  readonly #transport: OssTransport;
  #made: { readonly key: OssAccessKey; readonly sdk: Promise<OssSdk> } | undefined;

  constructor(options: OssClientOptions) {
    this.#options = options;
    this.#transport = new OssTransport({
      signal: options.signal,
      isSecure: options.address.endpoint.startsWith("https:"),
      ...defined({ lookup: options.lookup }),
    });
  }

  /** Stores a whole object. */
  async put(key: string, body: OssBody, headers: ObjectHeaders): Promise<void> {
    const options = { ...sdkHeaders(headers), contentLength: body.sizeBytes };
    // The SDK sends a stream without a length in chunks. It would never finish an empty stream, so
    // an empty body is sent as a buffer.
    const content = body.sizeBytes === 0 ? Buffer.alloc(0) : body.stream;
    await this.#send(body, (sdk) => sdk.put(key, content, options));
  }

  /** Begins an upload in parts. @returns the upload's id */
  async beginUpload(key: string, headers: ObjectHeaders): Promise<string> {
    const { uploadId } = await this.#call((sdk) =>
      sdk.initMultipartUpload(key, sdkHeaders(headers)),
    );
    if (uploadId !== undefined) return uploadId;
    throw new OssFailure("", "OSS began no upload");
  }

  /** Sends a part. It replaces a part of the same number. @returns its ETag */
  async sendPart(key: string, uploadId: string, number: number, body: OssBody): Promise<string> {
    return await this.#send(body, (sdk) =>
      sdk.uploadPart(key, uploadId, number, body.stream, 0, body.sizeBytes),
    );
  }

  /** All parts that an upload has so far. */
  async listParts(key: string, uploadId: string): Promise<readonly StoredPart[]> {
    const parts: StoredPart[] = [];
    for (let marker = 0; ; ) {
      const query = { "max-parts": 1000, "part-number-marker": marker };
      const list = await this.#call((sdk) => sdk.listParts(key, uploadId, query));
      for (const { PartNumber, ETag, Size } of [list.parts].flat())
        parts.push({ number: Number(PartNumber), etag: bare(ETag), sizeBytes: Number(Size) });
      const next = Number(list.nextPartNumberMarker);
      if (list.isTruncated !== "true" || !(next > marker)) return parts;
      marker = next;
    }
  }

  /** Makes the object from the parts. */
  async completeUpload(
    key: string,
    uploadId: string,
    parts: readonly { readonly number: number; readonly etag: string }[],
  ): Promise<void> {
    const options = { timeout: COMPLETE_IDLE_MS };
    const { res } = await this.#call((sdk) =>
      sdk.completeMultipartUpload(key, uploadId, parts, options),
    );
    // OSS can answer a failure with status 200 and an error in the body. Only an ETag shows
    // success.
    const text = res.data.toString("utf8");
    if (res.headers.etag !== undefined || text.includes("<ETag>")) return;
    const code = /<Code>(\w+)<\/Code>/.exec(text)?.[1] ?? "NoEtag";
    throw new OssFailure(code, "OSS did not put the parts together", { statusCode: 200 });
  }

  /**
   * Sends a byte to an upload that cannot exist. It changes nothing. Every cause that would refuse
   * a real upload (address, clock, key, bucket, the right to oss:PutObject) refuses this one too.
   *
   * @throws OssFailure NoSuchUpload if all is well
   */
  async sendToNowhere(key: string): Promise<void> {
    const body = Readable.from([Buffer.alloc(1)]);
    await this.#call((sdk) => sdk.uploadPart(key, "0".repeat(32), 1, body, 0, 1));
  }

  /** Gives up an upload and frees its parts. */
  async abortUpload(key: string, uploadId: string): Promise<void> {
    await this.#call((sdk) => sdk.abortMultipartUpload(key, uploadId));
  }

  /** Facts about the object of a key. */
  async head(key: string): Promise<ObjectHead> {
    const { headers } = (await this.#call((sdk) => sdk.head(key))).res;
    const fileId = headers[FILE_ID_HEADER];
    return {
      key,
      sizeBytes: Number(headers["content-length"]),
      modifiedAt: new Date(headers["last-modified"] ?? Number.NaN),
      fileId: typeof fileId === "string" ? fileId : undefined,
    };
  }

  /** The bytes of an object from `firstByte` on. The object must have that byte, unless it is 0. */
  async *read(key: string, firstByte: number): AsyncGenerator<Buffer> {
    const headers: Record<string, string> = firstByte === 0 ? {} : { Range: `bytes=${firstByte}-` };
    const { stream, res } = await this.#call((sdk) => sdk.getStream(key, { headers }));
    try {
      if (firstByte > 0 && res.status !== 206)
        throw new OssFailure("", "OSS sent the whole object instead of its rest");
      for await (const chunk of stream) yield chunk;
    } catch (thrown) {
      this.#options.signal.throwIfAborted();
      throw toOssFailure(thrown);
    } finally {
      stream.destroy();
    }
  }

  /** One page of the objects whose keys begin with `prefix`. The first page has no token. */
  async list(prefix: string, continuationToken?: string): Promise<ObjectPage> {
    const query = {
      ...{ prefix, "max-keys": 1000 },
      ...defined({ "continuation-token": continuationToken }),
    };
    const page = await this.#call((sdk) => sdk.listV2(query));
    const objects = (page.objects ?? []).map(({ name, size, lastModified }) => ({
      key: name,
      sizeBytes: size,
      modifiedAt: new Date(lastModified),
    }));
    const next = page.isTruncated ? page.nextContinuationToken : undefined;
    return { objects, ...defined({ next: next || undefined }) };
  }

  /** Removes an object. Succeeds if there is none. */
  async remove(key: string): Promise<void> {
    await this.#call((sdk) => sdk.delete(key));
  }

  /** A query string that allows everybody who has it to get the object. */
  async signedQuery(key: string, ttlSeconds: number): Promise<string> {
    const url = await this.#call((sdk) => sdk.signatureUrlV4("GET", ttlSeconds, undefined, key));
    return new URL(url).search;
  }

  /** Closes the connections. */
  [Symbol.dispose](): void {
    this.#transport[Symbol.dispose]();
  }

  async #send(body: OssBody, run: (sdk: OssSdk) => ReturnType<OssSdk["put"]>): Promise<string> {
    try {
      const { headers } = (await this.#call(run)).res;
      const etag = bare(headers.etag ?? "");
      checkEtag(etag, body, headers["x-oss-server-side-encryption"]);
      return etag;
    } catch (thrown) {
      throw body.failure ?? thrown;
    } finally {
      body.stream.destroy();
    }
  }

  async #call<T>(run: (sdk: OssSdk) => Promise<T>): Promise<T> {
    const { signal, credentials } = this.#options;
    signal.throwIfAborted();
    const sdk = await this.#sdk(await credentials.current());
    try {
      return await run(sdk);
    } catch (thrown) {
      signal.throwIfAborted();
      const failure = toOssFailure(thrown);
      if (STALE_KEY_CODES.includes(failure.code)) credentials.invalidate();
      throw failure;
    }
  }

  #sdk(key: OssAccessKey): Promise<OssSdk> {
    const { address, idleMs } = this.#options;
    if (this.#made?.key !== key)
      this.#made = { key, sdk: createOssSdk(address, key, this.#transport, idleMs) };
    return this.#made.sdk;
  }
}

function sdkHeaders({ mediaType, contentDisposition, fileId }: ObjectHeaders): {
  readonly mime: string;
  readonly headers: Record<string, string>;
} {
  const headers = { "Content-Disposition": contentDisposition, [FILE_ID_HEADER]: fileId };
  return { mime: mediaType, headers };
}

function bare(etag: string): string {
  return etag.replaceAll('"', "");
}

/**
 * Compares the ETag with the body's MD5, since the SDK does not. With a KMS key an ETag is not an
 * MD5.
 */
function checkEtag(etag: string, body: OssBody, encryption: string | string[] | undefined): void {
  if (encryption === "KMS" || !/^[0-9a-f]{32}$/i.test(etag)) return;
  if (etag.toLowerCase() !== body.md5())
    throw new OssFailure("EtagMismatch", "OSS received other bytes than were sent", {
      statusCode: 200,
    });
}
