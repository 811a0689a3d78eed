import type { OutgoingHttpHeaders } from "node:http";
import type { Message } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { createAsyncIterable, transformInvokeImplementation } from "@connectrpc/connect/protocol";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { CallContext } from "./call-context.js";
import { toCallFailure } from "./call-failure.js";
import type { HttpBinding, RestMethod } from "./http-binding.js";
import { findCursor } from "./request-decoder.js";
import { printResponse } from "./response-printer.js";
import type { RestOptions } from "./rest-options.js";
import { chooseStreamFormat, type StreamFormat } from "./stream-format.js";
import { StreamWriter } from "./stream-writer.js";
import { untilAborted } from "./until-aborted.js";

/** A method that streams its answers, with the rule by which it was called. */
export interface StreamingBinding extends HttpBinding {
  readonly method: Extract<RestMethod, { kind: "server_streaming" }>;
}

/**
 * Calls a streaming method and writes what it yields as server-sent events or newline-delimited
 * JSON. Resolves when the stream has ended, which is also when the client went away.
 *
 * @throws what came before the first message: it can still be answered with an HTTP status. A later
 * failure is the last event or line of the stream.
 */
export async function callStreaming(
  binding: StreamingBinding,
  context: CallContext,
  message: Message,
  options: RestOptions,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const invoke = transformInvokeImplementation(binding.method, context, [...options.interceptors]);
  const messages = invoke(createAsyncIterable([message]))[Symbol.asyncIterator]();
  try {
    const first = await untilAborted(messages.next(), context.signal);
    const format = chooseStreamFormat(request.headers.accept);
    beginResponse(reply, format, context);
    if (request.method === "HEAD") reply.raw.end();
    else await writeStream({ binding, context, messages, first, format, options, reply });
  } finally {
    // Not awaited: a handler that does not watch its signal may never come back.
    messages.return?.().catch(() => undefined);
  }
}

interface OpenStream {
  readonly binding: StreamingBinding;
  readonly context: CallContext;
  readonly messages: AsyncIterator<Message>;
  readonly first: IteratorResult<Message>;
  readonly format: StreamFormat;
  readonly options: RestOptions;
  readonly reply: FastifyReply;
}

function beginResponse(reply: FastifyReply, format: StreamFormat, context: CallContext): void {
  for (const [name, value] of context.responseHeader) reply.header(name, value);
  reply.headers({
    "content-type": format.contentType,
    "cache-control": "no-cache, no-transform",
    // nginx would collect events otherwise.
    "x-accel-buffering": "no",
  });
  reply.hijack();
  reply.raw.writeHead(200, reply.getHeaders() as OutgoingHttpHeaders);
}

async function writeStream(stream: OpenStream): Promise<void> {
  const { format, options } = stream;
  const writer = new StreamWriter(stream.reply.raw, options.stalledReaderMs ?? 60_000);
  const heartbeat = setInterval(
    () => void writer.writeIfIdle(format.heartbeat),
    options.heartbeatMs ?? 15_000,
  );
  try {
    await writeMessages(stream, writer);
    void writer.write(format.end);
  } catch (error) {
    const problem = options.toProblem(toCallFailure(error, options.shutdownSignal));
    void writer.write(format.error(problem.body));
  } finally {
    clearInterval(heartbeat);
    writer.end();
  }
}

async function writeMessages(stream: OpenStream, writer: StreamWriter): Promise<void> {
  const { binding, context, messages, format } = stream;
  const schema = binding.method.method.output;
  const cursor = findCursor(schema);
  let next = stream.first;
  while (next.done !== true) {
    const json = printResponse(schema, next.value, binding.responseBody);
    const id = cursor === undefined ? "" : String(reflect(schema, next.value).get(cursor));
    await untilAborted(writer.write(format.message(json, id)), context.signal);
    next = await untilAborted(messages.next(), context.signal);
  }
}
