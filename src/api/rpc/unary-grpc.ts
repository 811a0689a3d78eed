import type { OutgoingHttpHeaders } from "node:http";
import { Http2ServerRequest } from "node:http2";
import { fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, type ContextValues } from "@connectrpc/connect";
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
import type { FewAtOnce } from "../../lib/few-at-once.js";
import { perObject } from "../../lib/per-object.js";
import type { MaxBytesOf } from "../calls/max-bytes.js";
import type { UnaryCalls } from "../calls/unary-calls.js";
import type { UnaryMethod, UnaryOutput } from "../calls/unary-exchange.js";
import { abortWithClient } from "../calls/watch-client.js";
import { readEnvelope } from "./read-envelope.js";

/** What unary gRPC calls are answered with. */
export interface UnaryGrpcOptions {
  readonly calls: UnaryCalls;
  readonly maxBytesOf: MaxBytesOf;
  readonly contextValues: (request: FastifyRequest) => ContextValues;
  /** Smaller responses are not compressed. */
  readonly compressMinBytes: number;
  /** A connection sends what was answered when a turn ends: its client has the first answers while others are made. */
  readonly turns: FewAtOnce;
}

/** Made once of a message that answers several calls. */
const bytesOf = perObject(({ method }: UnaryMethod) =>
  perObject((message: Message) => toBinary(method.output, message)),
);

/** The longest delay of a timer. A later deadline is ignored. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** Whether a request is for {@link answerUnaryGrpc}: protobuf over HTTP/2, as gRPC's clients send it. */
export function isGrpc({ raw, method, headers }: FastifyRequest): boolean {
  const isProto = parseContentType(headers["content-type"] ?? null)?.binary === true;
  return isProto && method === "POST" && (raw as unknown) instanceof Http2ServerRequest;
}

/**
 * Answers a unary call of a gRPC client. What goes over the wire is what Connect's own handler sends; that
 * one passes each message through a dozen asynchronous iterators, and takes twice the time.
 */
export async function answerUnaryGrpc(
  method: UnaryMethod,
  request: FastifyRequest,
  reply: FastifyReply,
  options: UnaryGrpcOptions,
): Promise<void> {
  const compression = negotiate(request);
  let output: UnaryOutput | undefined;
  let body: Uint8Array | undefined;
  let error: ConnectError | undefined;
  try {
    if (compression.error) throw compression.error;
    output = await call(method, request, reply, options, compression.request);
    const data = bytesOf(method)(output.message);
    const { response } = compression;
    const sent = await envelopeCompress({ flags: 0, data }, response, options.compressMinBytes);
    body = encodeEnvelope(sent.flags, sent.data);
  } catch (thrown) {
    error = asConnectError(thrown);
  }
  const { response } = compression;
  reply.raw.writeHead(200, {
    ...(reply.getHeaders() as OutgoingHttpHeaders),
    ...(output?.header && Object.fromEntries(output.header)),
    "content-type": contentTypeProto,
    ...(response && { [headerEncoding]: response.name }),
  });
  reply.raw.addTrailers(trailersOf(output, error));
  reply.raw.end(body);
}

type Compression = ReturnType<typeof negotiate>["request"];

async function call(
  method: UnaryMethod,
  request: FastifyRequest,
  reply: FastifyReply,
  { calls, maxBytesOf, contextValues, turns }: UnaryGrpcOptions,
  compression: Compression,
): Promise<UnaryOutput> {
  const { timeoutMs, error } = parseTimeout(headerOf(request, headerTimeout), Infinity);
  if (error) throw error;
  const abort = abortWithClient(reply);
  const maxBytes = maxBytesOf(method.method);
  const envelope = await readEnvelope(request.raw, maxBytes);
  const { data } = await envelopeDecompress(envelope, compression, maxBytes);
  await turns.next();
  return await calls.call(method, {
    message: parse(method, data),
    ...{ protocolName: "grpc", requestMethod: request.method, url: request.url },
    headers: request.headers,
    values: contextValues(request),
    timeoutMs: timeoutMs && Math.min(timeoutMs, MAX_TIMEOUT_MS),
    abort,
  });
}

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

function parse({ method }: UnaryMethod, data: Uint8Array): Message {
  try {
    return fromBinary(method.input, data);
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause);
    throw ConnectError.from(new Error(`parse binary: ${problem}`, { cause }), Code.Internal);
  }
}

/** Interceptors have mapped what handlers throw; anything else is a bug. */
function asConnectError(thrown: unknown): ConnectError {
  if (thrown instanceof ConnectError) return thrown;
  return new ConnectError("internal error", Code.Internal, undefined, undefined, thrown);
}

function trailersOf(
  output: UnaryOutput | undefined,
  error: ConnectError | undefined,
): OutgoingHttpHeaders {
  if (error) return Object.fromEntries(setTrailerStatus(new Headers(), error));
  return {
    ...(output?.trailer && Object.fromEntries(output.trailer)),
    [headerGrpcStatus]: grpcStatusOk,
  };
}
