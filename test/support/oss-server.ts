/**
 * A stand-in for Aliyun OSS: one bucket over HTTP, in this process, on a free port. It checks the
 * same things as the real OSS (signatures, expiry, clock, permissions, rules of parts) and fails on
 * demand.
 */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { pipeline } from "node:stream/promises";
import { type OpenUpload, OssServerBucket, type StoredObject } from "./oss-server-bucket.js";
import {
  type OssFault,
  type OssFaultEffect,
  OssFaults,
  type OssOperation,
} from "./oss-server-faults.js";
import { escapeXml, OssRefusal } from "./oss-server-refusal.js";
import { type OssRequest, operationOf, parseRequest } from "./oss-server-request.js";
import { type SignatureKind, type Signer, verifySignature } from "./oss-server-signature.js";

export const ACCESS_KEY_ID = "LTAItest";
export const ACCESS_KEY_SECRET = "secret-of-the-test";
export const REGION = "cn-test";
export const BUCKET = "results";

/** Options of the stand-in. The default is one private bucket and one account with all rights. */
export interface OssServerOptions {
  readonly signer?: Partial<Signer>;
  /** Everybody may get objects. @default false */
  readonly isPublic?: boolean;
  /** Actions that the account may not do, e.g. `oss:PutObject`. */
  readonly denied?: readonly string[];
  /** Every call that moves data is refused, as on the public endpoints of mainland China. */
  readonly isEndpointForbidden?: boolean;
  /** How far its clock is ahead of this machine's clock. @default 0 */
  readonly clockAheadMs?: number;
  /** How many parts it lists at once. @default 1000 */
  readonly listedPartCount?: number;
  /** How many objects it lists at once. @default the requested number */
  readonly listedObjectCount?: number;
}

/** One request that the stand-in received. */
export interface OssRequestRecord {
  readonly operation: OssOperation;
  readonly key: string;
  readonly partNumber: number | undefined;
  readonly host: string;
  /** How it was signed. Absent if it was refused because of its signature. */
  signature?: SignatureKind;
  /** Bytes of the body so far. */
  receivedBytes: number;
  /** The answer's status. Absent if there is no answer yet, or if the answer was lost. */
  statusCode?: number;
}

export class OssServer implements AsyncDisposable {
  readonly requests: OssRequestRecord[] = [];
  readonly #bucket: OssServerBucket;
  readonly #faults = new OssFaults();
  readonly #unexpected: unknown[] = [];
  #options: OssServerOptions;
  #server: Server;
  #port = 0;

  private constructor(bucket: OssServerBucket, options: OssServerOptions) {
    this.#bucket = bucket;
    this.#options = options;
    this.#server = this.#createServer();
  }

  static async start(options: OssServerOptions = {}): Promise<OssServer> {
    const server = new OssServer(await OssServerBucket.create(), options);
    await server.comeBack();
    return server;
  }

  get port(): number {
    return this.#port;
  }

  /** In path style. */
  get endpoint(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get isUp(): boolean {
    return this.#server.listening;
  }

  get objects(): ReadonlyMap<string, StoredObject> {
    return this.#bucket.objects;
  }

  /** The uploads that are neither completed nor aborted. */
  get uploads(): ReadonlyMap<string, OpenUpload> {
    return this.#bucket.uploads;
  }

  /** Changes its behaviour from now on. */
  set(options: OssServerOptions): void {
    this.#options = { ...this.#options, ...options };
  }

  inject(fault: OssFault): void {
    this.#faults.add(fault);
  }

  clearFaults(): void {
    this.#faults.clear();
  }

  /** The requests of one kind, in order. */
  seen(operation: OssOperation): readonly OssRequestRecord[] {
    return this.requests.filter((record) => record.operation === operation);
  }

  /** The numbers of the parts that were received completely, in order. */
  storedParts(): readonly number[] {
    return this.seen("UploadPart").flatMap(({ partNumber, statusCode }) =>
      statusCode === 200 && partNumber !== undefined ? [partNumber] : [],
    );
  }

  /** The bytes of an object. */
  async read(key: string): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for await (const chunk of this.#bucket.read(this.#bucket.object(key))) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  /** Forgets an upload, as a lifecycle rule would. */
  dropUploads(): void {
    this.#bucket.uploads.clear();
  }

  /** Cuts all connections and refuses new ones. */
  async goDown(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }

  /** Listens again on the same port. */
  async comeBack(): Promise<void> {
    this.#server = this.#createServer().listen(this.#port, "127.0.0.1");
    await once(this.#server, "listening");
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** @throws an error of the stand-in itself */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#server.listening) await this.goDown();
    await this.#bucket[Symbol.asyncDispose]();
    if (this.#unexpected.length > 0)
      throw new AggregateError(this.#unexpected, "The OSS stand-in failed");
  }

  #createServer(): Server {
    return createServer({ requestTimeout: 0 }, (message, response) => {
      this.#handle(message, response).catch((error: unknown) => this.#unexpected.push(error));
    });
  }

  async #handle(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const request = parseRequest(message, this.#options.signer?.region ?? REGION);
    const operation = operationOf(request);
    const { key, partNumber } = request;
    const record: OssRequestRecord = {
      ...{ operation, key, partNumber, receivedBytes: 0 },
      host: message.headers.host ?? "",
    };
    this.requests.push(record);
    const effect = this.#faults.take(operation, request);
    const reply = await this.#reply(request, operation, record, effect).catch((error: unknown) => {
      if (error instanceof OssRefusal) return refusalReply(error, request.method);
      if (isCut(error)) return undefined;
      throw error;
    });
    if (reply === undefined || effect?.kind === "lost-reply") message.socket.resetAndDestroy();
    else if (effect?.kind === "cut-reply") await cutReply(reply, effect.afterBytes, response);
    else await this.#send(reply, record, request.method, response);
    message.resume();
  }

  async #send(
    reply: Reply,
    record: OssRequestRecord,
    method: string,
    response: ServerResponse,
  ): Promise<void> {
    record.statusCode = reply.statusCode;
    response.writeHead(reply.statusCode, { "x-oss-request-id": requestId(), ...reply.headers });
    if (reply.body === undefined || method === "HEAD") response.end();
    else await pipeline(reply.body, response).catch(cutOnly);
  }

  /** @returns undefined if the connection must be reset */
  async #reply(
    request: OssRequest,
    operation: OssOperation,
    record: OssRequestRecord,
    effect: OssFaultEffect | undefined,
  ): Promise<Reply | undefined> {
    if (effect?.kind === "answer")
      throw new OssRefusal(effect.statusCode, effect.code, effect.message ?? effect.code);
    if (effect?.kind === "reset" || effect?.kind === "stall")
      return await this.#break(request.message, record, effect);
    this.#authorize(request, operation, record);
    if (effect?.kind === "error-body")
      return { statusCode: 200, headers: {}, body: [errorXml(effect.code)] };
    return await this.#run(request, operation, record, effect?.kind === "corrupt");
  }

  async #break(
    message: IncomingMessage,
    record: OssRequestRecord,
    effect: { readonly kind: "reset" | "stall"; readonly afterBytes: number },
  ): Promise<undefined> {
    const closed = once(message.socket, "close");
    message.on("data", (chunk: Buffer) => {
      record.receivedBytes += chunk.length;
      if (record.receivedBytes < effect.afterBytes) return;
      if (effect.kind === "reset") message.socket.resetAndDestroy();
      else message.pause();
    });
    message.on("error", cutOnly);
    await closed;
  }

  #authorize(request: OssRequest, operation: OssOperation, record: OssRequestRecord): void {
    const { signer, isPublic = false, denied = [], clockAheadMs = 0 } = this.#options;
    const account = {
      ...{ accessKeyId: ACCESS_KEY_ID, accessKeySecret: ACCESS_KEY_SECRET, region: REGION },
      ...signer,
    };
    record.signature = verifySignature(request, account, Date.now() + clockAheadMs);
    if (this.#options.isEndpointForbidden === true)
      throw new OssRefusal(
        400,
        "PublicEndpointForbidden",
        "Not allowed using the OSS public endpoint.",
      );
    if (request.bucket !== BUCKET)
      throw new OssRefusal(404, "NoSuchBucket", "The specified bucket does not exist.");
    const isOpen = isPublic && ACTIONS[operation] === "oss:GetObject";
    if ((record.signature === "none" && !isOpen) || denied.includes(ACTIONS[operation]))
      throw new OssRefusal(403, "AccessDenied", "You have no right to access this object.");
  }

  async #run(
    request: OssRequest,
    operation: OssOperation,
    record: OssRequestRecord,
    corrupt: boolean,
  ): Promise<Reply> {
    const { key, uploadId } = request;
    const receive = () =>
      this.#bucket.receive(request.message, {
        corrupt,
        ...(request.headers["content-md5"] !== undefined && {
          contentMd5: String(request.headers["content-md5"]),
        }),
        onBytes: (count) => {
          record.receivedBytes += count;
        },
      });
    switch (operation) {
      case "PutObject": {
        const piece = await receive();
        this.#bucket.putObject(key, piece, kept(request));
        return { statusCode: 200, headers: { etag: `"${piece.etag}"` } };
      }
      case "InitiateMultipartUpload": {
        const id = this.#bucket.beginUpload(key, kept(request));
        return xml("InitiateMultipartUploadResult", { Bucket: BUCKET, Key: key, UploadId: id });
      }
      case "UploadPart": {
        this.#bucket.upload(key, uploadId);
        const piece = await receive();
        this.#bucket.putPart(key, uploadId, request.partNumber ?? 0, piece);
        return { statusCode: 200, headers: { etag: `"${piece.etag}"` } };
      }
      case "CompleteMultipartUpload": {
        const etag = this.#bucket.completeUpload(key, uploadId, await listedParts(request.message));
        return xml("CompleteMultipartUploadResult", {
          Bucket: BUCKET,
          Key: key,
          ETag: `"${etag}"`,
        });
      }
      case "AbortMultipartUpload":
        this.#bucket.abortUpload(key, uploadId);
        return { statusCode: 204, headers: {} };
      case "ListParts":
        return this.#listParts(request);
      case "ListObjects":
        return this.#listObjects(request);
      case "DeleteObject":
        this.#bucket.objects.delete(key);
        return { statusCode: 204, headers: {} };
      case "HeadObject":
      case "GetObject":
        return this.#getObject(request);
    }
  }

  #getObject({ key, headers }: OssRequest): Reply {
    const object = this.#bucket.object(key);
    const range = /^bytes=(\d+)-$/.exec(String(headers["range"] ?? ""));
    const firstByte = Number(range?.[1] ?? 0);
    if (range !== null && firstByte >= object.sizeBytes)
      throw new OssRefusal(416, "InvalidRange", "The requested range cannot be satisfied.");
    return {
      statusCode: range === null ? 200 : 206,
      headers: {
        ...object.headers,
        etag: `"${object.etag}"`,
        "last-modified": object.modifiedAt.toUTCString(),
        "content-length": String(object.sizeBytes - firstByte),
      },
      body: this.#bucket.read(object, firstByte),
    };
  }

  #listObjects({ query }: OssRequest): Reply {
    const parameter = (name: string): string => query.find(([found]) => found === name)?.[1] ?? "";
    const rest = this.#bucket.list(parameter("prefix"), parameter("continuation-token"));
    const page = rest.slice(0, this.#options.listedObjectCount ?? Number(parameter("max-keys")));
    const contents = page.map(([key, { sizeBytes, etag, modifiedAt }]) => {
      // In whole seconds, as in all times of OSS.
      const time = `<LastModified>${modifiedAt.toISOString().replace(/\.\d+/, ".000")}</LastModified>`;
      return `<Contents><Key>${escapeXml(key)}</Key>${time}<ETag>"${etag}"</ETag><Size>${sizeBytes}</Size></Contents>`;
    });
    const isTruncated = page.length < rest.length;
    const facts = {
      ...{ Name: BUCKET, IsTruncated: String(isTruncated) },
      ...(isTruncated && { NextContinuationToken: page.at(-1)?.[0] ?? "" }),
    };
    return xml("ListBucketResult", facts, contents.join(""));
  }

  #listParts({ key, uploadId, query }: OssRequest): Reply {
    const parameter = (name: string, fallback: number): number =>
      Number(query.find(([found]) => found === name)?.[1] ?? fallback);
    const marker = parameter("part-number-marker", 0);
    const rest = [...this.#bucket.upload(key, uploadId).parts]
      .filter(([number]) => number > marker)
      .sort(([a], [b]) => a - b);
    const page = rest.slice(0, this.#options.listedPartCount ?? parameter("max-parts", 1000));
    const parts = page.map(
      ([number, { etag, sizeBytes }]) =>
        `<Part><PartNumber>${number}</PartNumber><ETag>"${etag}"</ETag><Size>${sizeBytes}</Size></Part>`,
    );
    const facts = {
      ...{ Bucket: BUCKET, Key: key, UploadId: uploadId },
      NextPartNumberMarker: String(page.at(-1)?.[0] ?? ""),
      IsTruncated: String(page.length < rest.length),
    };
    return xml("ListPartsResult", facts, parts.join(""));
  }
}

/** Sends only the beginning of an answer. */
async function cutReply(reply: Reply, afterBytes: number, response: ServerResponse): Promise<void> {
  response.writeHead(reply.statusCode, reply.headers);
  let leftBytes = afterBytes;
  for await (const chunk of reply.body ?? []) {
    const part = Buffer.from(chunk).subarray(0, leftBytes);
    leftBytes -= part.length;
    await new Promise((resolve) => response.write(part, resolve));
    if (leftBytes <= 0) break;
  }
  response.socket?.destroy();
}

interface Reply {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Iterable<string> | AsyncIterable<Buffer>;
}

/** The action that an account must be allowed for each call. */
const ACTIONS: Readonly<Record<OssOperation, string>> = {
  PutObject: "oss:PutObject",
  InitiateMultipartUpload: "oss:PutObject",
  UploadPart: "oss:PutObject",
  CompleteMultipartUpload: "oss:PutObject",
  AbortMultipartUpload: "oss:AbortMultipartUpload",
  ListParts: "oss:ListParts",
  GetObject: "oss:GetObject",
  HeadObject: "oss:GetObject",
  DeleteObject: "oss:DeleteObject",
  ListObjects: "oss:ListObjects",
};

function kept({ headers }: OssRequest): Record<string, string> {
  const names = Object.keys(headers).filter((name) =>
    /^(content-(type|disposition|encoding|language)|cache-control|x-oss-meta-.+)$/.test(name),
  );
  return Object.fromEntries(names.map((name) => [name, String(headers[name])]));
}

async function listedParts(
  body: AsyncIterable<Buffer>,
): Promise<{ partNumber: number; etag: string }[]> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk);
  const found = Buffer.concat(chunks)
    .toString("utf8")
    .matchAll(/<PartNumber>(\d+)<\/PartNumber>\s*<ETag>([^<]*)<\/ETag>/g);
  return [...found].map(([, number, etag = ""]) => ({
    partNumber: Number(number),
    etag: etag.replace(/&quot;|"/g, ""),
  }));
}

function xml(root: string, values: Readonly<Record<string, string>>, more = ""): Reply {
  const elements = Object.entries(values).map(
    ([name, value]) => `<${name}>${escapeXml(value)}</${name}>`,
  );
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<${root}>${elements.join("")}${more}</${root}>`;
  return { statusCode: 200, headers: { "content-type": "application/xml" }, body: [body] };
}

function refusalReply(refusal: OssRefusal, method: string): Reply {
  const body = refusal.xml(requestId());
  const headers =
    method === "HEAD"
      ? { "x-oss-err": Buffer.from(body).toString("base64") }
      : { "content-type": "application/xml" };
  return { statusCode: refusal.statusCode, headers, body: [body] };
}

function errorXml(code: string): string {
  return new OssRefusal(200, code, "We encountered an internal error.").xml(requestId());
}

function requestId(): string {
  return randomBytes(12).toString("hex").toUpperCase();
}

const CUT_CODES: readonly string[] = [
  "ECONNRESET",
  "EPIPE",
  "ERR_STREAM_PREMATURE_CLOSE",
  "ERR_STREAM_DESTROYED",
  "HPE_INVALID_EOF_STATE",
];

function isCut(error: unknown): boolean {
  return error instanceof Error && "code" in error && CUT_CODES.includes(String(error.code));
}

function cutOnly(error: unknown): void {
  if (!isCut(error)) throw error;
}
