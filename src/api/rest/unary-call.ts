import type { Message } from "@bufbuild/protobuf";
import type { Interceptor } from "@connectrpc/connect";
import { invokeUnaryImplementation } from "@connectrpc/connect/protocol";
import type { FastifyReply } from "fastify";
import type { CallContext } from "./call-context.js";
import type { HttpBinding, RestMethod } from "./http-binding.js";
import { printResponse } from "./response-printer.js";
import { untilAborted } from "./until-aborted.js";

/** A unary method with the rule by which it was called. */
export interface UnaryBinding extends HttpBinding {
  readonly method: Extract<RestMethod, { kind: "unary" }>;
}

/**
 * Calls a unary method and answers with what it returns.
 *
 * @throws whatever the handler or an interceptor throws, and the reason of the context's signal.
 */
export async function callUnary(
  binding: UnaryBinding,
  context: CallContext,
  message: Message,
  interceptors: readonly Interceptor[],
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { method, responseBody } = binding;
  const call = invokeUnaryImplementation(method, context, message, [...interceptors]);
  const response = await untilAborted(call, context.signal);
  const json = printResponse(method.method.output, response, responseBody);
  for (const [name, value] of context.responseHeader) reply.header(name, value);
  return reply.type("application/json; charset=utf-8").send(JSON.stringify(json));
}
