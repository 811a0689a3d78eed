import type { Message } from "@bufbuild/protobuf";
import { createContextValues } from "@connectrpc/connect";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { CallAbort } from "../calls/call-abort.js";
import type { UnaryCalls } from "../calls/unary-calls.js";
import type { UnaryMethod } from "../calls/unary-exchange.js";
import type { HttpBinding } from "./http-binding.js";
import { readTimeoutMs } from "./read-timeout.js";
import type { RestOptions } from "./rest-options.js";
import type { SendTogether } from "./send-together.js";

/** A unary call whose request has been decoded. */
export interface RestUnaryCall {
  readonly binding: HttpBinding;
  readonly message: Message;
  /** Aborted when the client goes away. */
  readonly abort: CallAbort;
  readonly calls: UnaryCalls;
  readonly options: RestOptions;
  readonly together: SendTogether;
  /** The turn of the event loop, see {@link SendTogether}. */
  readonly heardIn: number;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

/**
 * Calls a unary method and answers with its result.
 *
 * @throws TaskError INVALID_REQUEST for a bad `X-Server-Timeout`; any error of the handler or an interceptor.
 */
export async function callUnary(method: UnaryMethod, call: RestUnaryCall): Promise<FastifyReply> {
  const { binding, message, abort, calls, options, together, heardIn, request, reply } = call;
  const output = await calls.call(method, {
    ...{ message, abort, protocolName: "rest" },
    ...{ requestMethod: request.method, url: request.url, headers: request.headers },
    values: options.contextValues?.(request) ?? createContextValues(),
    timeoutMs: readTimeoutMs(request),
  });
  const text = await binding.textOf(output.message);
  for (const [name, value] of output.header ?? []) reply.header(name, value);
  await together.turnOf(heardIn);
  return reply.type("application/json; charset=utf-8").send(text);
}
