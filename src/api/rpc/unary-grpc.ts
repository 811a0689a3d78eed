import type { ConnectError } from "@connectrpc/connect";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { FewAtOnce } from "../../lib/few-at-once.js";
import type { UnaryCalls } from "../calls/unary-calls.js";
import type { UnaryMethod, UnaryOutput } from "../calls/unary-exchange.js";
import { abortWithClient } from "../calls/watch-client.js";
import { asConnectError, GrpcWire, type GrpcWireOptions } from "./grpc-wire.js";

/** What unary gRPC calls are answered with. */
export interface UnaryGrpcOptions extends GrpcWireOptions {
  readonly calls: UnaryCalls;
  /** A connection sends what was answered when a turn ends: its client has the first answers while others are made. */
  readonly turns: FewAtOnce;
}

/**
 * Answers a unary call of a gRPC client. Connect's own handler passes each message through a dozen asynchronous
 * iterators, and takes twice the time.
 */
export async function answerUnaryGrpc(
  method: UnaryMethod,
  request: FastifyRequest,
  reply: FastifyReply,
  options: UnaryGrpcOptions,
): Promise<void> {
  const wire = new GrpcWire(method, request, reply, options);
  let output: UnaryOutput | undefined;
  let body: Uint8Array | undefined;
  let error: ConnectError | undefined;
  try {
    output = await call(method, wire, request, reply, options);
    body = await wire.bytesOf(output.message);
  } catch (thrown) {
    error = asConnectError(thrown);
  }
  wire.begin(output?.header);
  wire.end(output?.trailer, error, body);
}

async function call(
  method: UnaryMethod,
  wire: GrpcWire,
  request: FastifyRequest,
  reply: FastifyReply,
  { calls, contextValues, turns }: UnaryGrpcOptions,
): Promise<UnaryOutput> {
  const timeoutMs = wire.timeoutMs();
  const abort = abortWithClient(reply);
  const message = await wire.message();
  await turns.next();
  return await calls.call(method, {
    ...{ message, timeoutMs, abort },
    ...{ protocolName: "grpc", requestMethod: request.method, url: request.url },
    headers: request.headers,
    values: contextValues(request),
  });
}
