import type { OutgoingHttpHeaders } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { Message } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { createAsyncIterable, transformInvokeImplementation } from "@connectrpc/connect/protocol";
import { untilAborted } from "../../lib/until-aborted.js";
import type { RestMethod } from "./http-binding.js";
import { findCursor } from "./request-decoder.js";
import type { RestCall } from "./rest-call.js";
import { chooseStreamFormat, type StreamFormat } from "./stream-format.js";
import { StreamWriter } from "./stream-writer.js";

/**
 * How long the response waits for the first message. A reader that resumes may wait much longer for
 * news, and should know before then that its request arrived.
 */
const BEGIN_AFTER_MS = 500;

/**
 * Calls a streaming method and writes its messages as server-sent events or newline-delimited JSON.
 * Resolves when the stream has ended, or when the client has disconnected.
 *
 * @throws an error that came before the response began; it can still be answered with an HTTP
 *   status. A later error becomes the last event or line of the stream.
 */
export async function callStreaming(
  method: Extract<RestMethod, { kind: "server_streaming" }>,
  call: RestCall,
): Promise<void> {
  const { context, message, options, request, reply } = call;
  const invoke = transformInvokeImplementation(method, context, [...options.interceptors]);
  const messages = invoke(createAsyncIterable([message]))[Symbol.asyncIterator]();
  try {
    const first = messages.next();
    await untilAborted(settledWithin(first, BEGIN_AFTER_MS), context.signal);
    const format = chooseStreamFormat(request.headers.accept);
    beginResponse(call, format);
    if (request.method === "HEAD") reply.raw.end();
    else await writeStream({ call, messages, first, format });
  } finally {
    // Not awaited: a handler that ignores its signal may never return.
    messages.return?.().catch(() => undefined);
  }
}

/**
 * Waits for a promise, but at most `limitMs`. @throws the promise's error if it is rejected by
 * then.
 */
async function settledWithin(promise: Promise<unknown>, limitMs: number): Promise<void> {
  const timer = new AbortController();
  const limit = sleep(limitMs, undefined, { signal: timer.signal }).catch(() => undefined);
  try {
    await Promise.race([promise, limit]);
  } finally {
    timer.abort();
  }
}

interface OpenStream {
  readonly call: RestCall;
  readonly messages: AsyncIterator<Message>;
  readonly first: Promise<IteratorResult<Message>>;
  readonly format: StreamFormat;
}

function beginResponse({ context, reply }: RestCall, format: StreamFormat): void {
  for (const [name, value] of context.responseHeader) reply.header(name, value);
  reply.headers({
    "content-type": format.contentType,
    "cache-control": "no-cache, no-transform",
    // Otherwise nginx would hold events back to collect them.
    "x-accel-buffering": "no",
  });
  reply.hijack();
  reply.raw.writeHead(200, reply.getHeaders() as OutgoingHttpHeaders);
  reply.raw.flushHeaders();
}

async function writeStream(stream: OpenStream): Promise<void> {
  const { format } = stream;
  const { options, reply } = stream.call;
  const writer = new StreamWriter(reply.raw, options.stalledReaderMs ?? 60_000);
  const heartbeat = setInterval(
    () => void writer.writeIfIdle(format.heartbeat),
    options.heartbeatMs ?? 15_000,
  );
  try {
    await writeMessages(stream, writer);
    void writer.write(format.end);
  } catch (error) {
    void writer.write(format.error(options.toProblem(error).body));
  } finally {
    clearInterval(heartbeat);
    writer.end();
  }
}

async function writeMessages(stream: OpenStream, writer: StreamWriter): Promise<void> {
  const { binding, context } = stream.call;
  const schema = binding.method.method.output;
  const cursor = findCursor(schema);
  let next = await untilAborted(stream.first, context.signal);
  while (next.done !== true) {
    const text = await untilAborted(binding.textOf(next.value), context.signal);
    const id = cursor === undefined ? "" : String(reflect(schema, next.value).get(cursor));
    await untilAborted(writer.write(stream.format.message(text, id)), context.signal);
    next = await untilAborted(stream.messages.next(), context.signal);
  }
}
