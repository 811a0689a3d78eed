import type { OutgoingHttpHeaders } from "node:http";
import { Http2ServerRequest } from "node:http2";
import { type DescMethod, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, type ContextValues, type MethodImplSpec } from "@connectrpc/connect";
import {
  compressionNegotiate,
  encodeEnvelope,
  envelopeCompress,
  envelopeDecompress,
} from "@connectrpc/connect/protocol";
import {
  contentTypeProto,
  grpcStatusOk,
  headerAcceptEncoding,
  headerEncoding,
  headerGrpcStatus,
  headerTimeout,
  parseContentType,
  parseTimeout,
  setTrailerStatus,
} from "@connectrpc/connect/protocol-grpc";
import { compressionGzip } from "@connectrpc/connect-node";
import type { FastifyReply, FastifyRequest } from "fastify";
import { perObject } from "../../lib/per-object.js";
import type { MaxBytesOf } from "../calls/max-bytes.js";
import { readEnvelope } from "./read-envelope.js";

/** What gRPC calls are answered with. */
export interface GrpcWireOptions {
  readonly maxBytesOf: MaxBytesOf;
  readonly contextValues: (request: FastifyRequest) => ContextValues;
  /** Smaller responses are not compressed. */
  readonly compressMinBytes: number;
}

/** The longest delay of a timer. A later deadline is ignored. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** Whether a request is protobuf over HTTP/2, as gRPC's clients send it. */
export function isGrpc({ raw, method, headers }: FastifyRequest): boolean {
  const isProto = parseContentType(headers["content-type"] ?? null)?.binary === true;
  return isProto && method === "POST" && (raw as unknown) instanceof Http2ServerRequest;
}

/**
 * The exchange of one gRPC call that has one request message. What goes over the wire is what Connect's own handlers
 * send. Source: gRPC's PROTOCOL-HTTP2.md.
 */
export class GrpcWire {
  readonly #method: MethodImplSpec;
  readonly #request: FastifyRequest;
  readonly #reply: FastifyReply;
  readonly #options: GrpcWireOptions;
  readonly #compression: ReturnType<typeof negotiate>;

  constructor(
    method: MethodImplSpec,
    request: FastifyRequest,
    reply: FastifyReply,
    options: GrpcWireOptions,
  ) {
    this.#method = method;
    this.#request = request;
    this.#reply = reply;
    this.#options = options;
    this.#compression = negotiate(request);
  }

  /** The client's deadline in milliseconds from now. @throws ConnectError for one that cannot be read */
  timeoutMs(): number | undefined {
    const { timeoutMs, error } = parseTimeout(headerOf(this.#request, headerTimeout), Infinity);
    if (error) throw error;
    return timeoutMs && Math.min(timeoutMs, MAX_TIMEOUT_MS);
  }

  /** The request. @throws ConnectError as {@link readEnvelope}, and for what is compressed or encoded otherwise */
  async message(): Promise<Message> {
    const { request, error } = this.#compression;
    if (error) throw error;
    const { method, kind } = this.#method;
    const maxBytes = this.#options.maxBytesOf(method);
    const envelope = await readEnvelope(this.#request.raw, maxBytes, kind);
    const { data } = await envelopeDecompress(envelope, request, maxBytes);
    return parse(method, data);
  }

  /** A response message as it is sent. */
  async bytesOf(message: Message): Promise<Uint8Array> {
    const data = bytesOf(this.#method.method)(message);
    const { response } = this.#compression;
    const sent = await envelopeCompress(
      { flags: 0, data },
      response,
      this.#options.compressMinBytes,
    );
    return encodeEnvelope(sent.flags, sent.data);
  }

  /** Sends the head of the response. */
  begin(header: Headers | undefined): void {
    const { response } = this.#compression;
    this.#reply.raw.writeHead(200, {
      ...(this.#reply.getHeaders() as OutgoingHttpHeaders),
      ...(header && Object.fromEntries(header)),
      "content-type": contentTypeProto,
      ...(response && { [headerEncoding]: response.name }),
    });
  }

  /** Ends the response. @param last what is still to be sent */
  end(trailer: Headers | undefined, error: ConnectError | undefined, last?: Uint8Array): void {
    this.#reply.raw.addTrailers(trailersOf(trailer, error));
    this.#reply.raw.end(last);
  }
}

/** Made once of a message that answers several calls. */
const bytesOf = perObject(({ output }: DescMethod) =>
  perObject((message: Message) => toBinary(output, message)),
);

function negotiate(request: FastifyRequest) {
  return compressionNegotiate(
    [compressionGzip],
    headerOf(request, headerEncoding),
    headerOf(request, headerAcceptEncoding),
    headerAcceptEncoding,
  );
}

function headerOf({ headers }: FastifyRequest, name: string): string | null {
  const value = headers[name.toLowerCase()];
  return Array.isArray(value) ? value.join(", ") : (value ?? null);
}

function parse({ input }: DescMethod, data: Uint8Array): Message {
  try {
    return fromBinary(input, data);
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause);
    throw ConnectError.from(new Error(`parse binary: ${problem}`, { cause }), Code.Internal);
  }
}

/** Interceptors have mapped what handlers throw; anything else is a bug. */
export function asConnectError(thrown: unknown): ConnectError {
  if (thrown instanceof ConnectError) return thrown;
  return new ConnectError("internal error", Code.Internal, undefined, undefined, thrown);
}

function trailersOf(
  trailer: Headers | undefined,
  error: ConnectError | undefined,
): OutgoingHttpHeaders {
  if (error) return Object.fromEntries(setTrailerStatus(new Headers(), error));
  return { ...(trailer && Object.fromEntries(trailer)), [headerGrpcStatus]: grpcStatusOk };
}
