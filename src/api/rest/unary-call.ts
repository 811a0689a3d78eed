import { invokeUnaryImplementation } from "@connectrpc/connect/protocol";
import type { FastifyReply } from "fastify";
import type { RestMethod } from "./http-binding.js";
import type { RestCall } from "./rest-call.js";

/**
 * Calls a unary method and answers with its result.
 *
 * @throws any error of the handler or an interceptor.
 */
export async function callUnary(
  method: Extract<RestMethod, { kind: "unary" }>,
  { binding, message, context, options, reply }: RestCall,
): Promise<FastifyReply> {
  const interceptors = [...options.interceptors];
  const response = await invokeUnaryImplementation(method, context, message, interceptors);
  const text = await binding.textOf(response);
  for (const [name, value] of context.responseHeader) reply.header(name, value);
  return reply.type("application/json; charset=utf-8").send(text);
}
