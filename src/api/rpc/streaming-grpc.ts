import type { ServerResponse } from "node:http";
import type { Message } from "@bufbuild/protobuf";
import type { ConnectError, Interceptor, MethodImplSpec } from "@connectrpc/connect";
import { createAsyncIterable, transformInvokeImplementation } from "@connectrpc/connect/protocol";
import type { FastifyReply, FastifyRequest } from "fastify";
import { untilAborted } from "../../lib/until-aborted.js";
import { CALL_ENDED } from "../calls/call-abort.js";
import { type CallContext, openCallContext } from "../calls/call-context.js";
import { watchClient } from "../calls/watch-client.js";
import { asConnectError, GrpcWire, type GrpcWireOptions } from "./grpc-wire.js";

/** A method that answers with a stream, and its handler. */
export type StreamingMethod = Extract<MethodImplSpec, { kind: "server_streaming" }>;

/** What streaming gRPC calls are answered with. */
export interface StreamingGrpcOptions extends GrpcWireOptions {
  readonly interceptors: readonly Interceptor[];
  /** Ends open calls with its reason. */
  readonly shutdownSignal: AbortSignal;
}

/**
 * Answers a server-streaming call of a gRPC client. Connect's own handler passes each message through a dozen
 * asynchronous iterators.
 */
export async function answerStreamingGrpc(
  method: StreamingMethod,
  request: FastifyRequest,
  reply: FastifyReply,
  options: StreamingGrpcOptions,
): Promise<void> {
  const { shutdownSignal, contextValues } = options;
  const wire = new GrpcWire(method, request, reply, options);
  const clientSignal = watchClient(reply);
  let context: CallContext | undefined;
  let error: ConnectError | undefined;
  try {
    const timeoutMs = wire.timeoutMs();
    const message = await wire.message();
    context = openCallContext(method.method, request, {
      ...{ protocolName: "grpc", timeoutMs, clientSignal, shutdownSignal },
      contextValues: contextValues(request),
    });
    await send({ method, wire, reply, context, message, clientSignal }, options);
  } catch (thrown) {
    error = asConnectError(thrown);
  } finally {
    context?.abort(CALL_ENDED);
  }
  if (!reply.raw.headersSent) wire.begin(context?.responseHeader);
  wire.end(context?.responseTrailer, error);
}

interface Call {
  readonly method: StreamingMethod;
  readonly wire: GrpcWire;
  readonly reply: FastifyReply;
  readonly context: CallContext;
  readonly message: Message;
  readonly clientSignal: AbortSignal;
}

/** Sends the messages one by one, no faster than the client takes them. */
async function send(
  { method, wire, reply, context, message, clientSignal }: Call,
  { interceptors }: StreamingGrpcOptions,
): Promise<void> {
  const { signal } = context;
  const invoke = transformInvokeImplementation(method, context, [...interceptors]);
  const messages = invoke(createAsyncIterable([message]))[Symbol.asyncIterator]();
  try {
    let next = await messages.next();
    wire.begin(context.responseHeader);
    for (; next.done !== true; next = await messages.next()) {
      const bytes = await wire.bytesOf(next.value);
      const hasRoom = clientSignal.aborted || reply.raw.write(bytes);
      // Why the call was aborted, the next message tells, which may be its last words.
      if (!hasRoom) await untilAborted(drained(reply.raw), signal).catch(() => undefined);
    }
  } finally {
    // Not awaited: a handler that ignores its signal may never return.
    messages.return?.().catch(() => undefined);
  }
}

/** Resolves when there is room for more, or when the connection is closed. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const onDone = (): void => {
      response.off("drain", onDone);
      response.off("close", onDone);
      resolve();
    };
    response.once("drain", onDone);
    response.once("close", onDone);
  });
}
