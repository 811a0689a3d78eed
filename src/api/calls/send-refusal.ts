import type { Http2ServerResponse } from "node:http2";
import type { ConnectError } from "@connectrpc/connect";
import { errorToJsonBytes } from "@connectrpc/connect/protocol-connect";
import { setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import type { FastifyReply, FastifyRequest } from "fastify";
import { toConnectError, toProblem } from "./error-mapping.js";
import { sendProblem } from "./problem.js";

/**
 * Answers a request that is refused before any handler sees it with an error, in the protocol that it
 * speaks: gRPC and gRPC-Web by `grpc-status`, unary calls of Connect as Connect does, everything else
 * with a problem. Where the service takes nothing more, the connection is closed.
 */
export async function sendRefusal(
  { raw, headers }: FastifyRequest,
  reply: FastifyReply,
  thrown: unknown,
): Promise<void> {
  const { "content-type": mediaType = "" } = headers;
  const problem = toProblem(thrown);
  const error = toConnectError(thrown);
  if (problem.status === 503 && raw.httpVersionMajor === 1) reply.header("connection", "close");
  if (/^application\/grpc-web\b/.test(mediaType))
    // The protocol allows them in place of a trailer where there is no message.
    await reply.headers(grpcStatus(error)).type(mediaType).send();
  else if (/^application\/grpc\b/.test(mediaType) && raw.httpVersionMajor === 2)
    sendGrpc(reply, mediaType, error);
  else if (headers["connect-protocol-version"] !== undefined)
    await reply
      .code(problem.status)
      .headers(problem.headers)
      .type("application/json")
      .send(Buffer.from(errorToJsonBytes(error, undefined)));
  else await sendProblem(reply, problem);
}

function sendGrpc(reply: FastifyReply, mediaType: string, error: ConnectError): void {
  reply.hijack();
  // Fastify's types know one protocol at a time.
  const response = reply.raw as unknown as Http2ServerResponse;
  response.writeHead(200, { "content-type": mediaType });
  response.addTrailers(grpcStatus(error));
  response.end();
}

function grpcStatus(error: ConnectError): Record<string, string> {
  return Object.fromEntries(setTrailerStatus(new Headers(), error));
}
