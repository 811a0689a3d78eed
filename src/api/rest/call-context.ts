import type { DescMethod } from "@bufbuild/protobuf";
import { type ContextValues, createHandlerContext } from "@connectrpc/connect";
import type { FastifyRequest } from "fastify";
import { TaskError } from "../../domain/errors.js";
import { defined } from "../../lib/defined.js";
import { toWebHeaders } from "../calls/unary-exchange.js";

/** A handler's context and the means to end it. */
export type CallContext = ReturnType<typeof createHandlerContext>;

/** What a call has beside its request. */
export interface CallSurroundings {
  readonly clientSignal: AbortSignal;
  readonly shutdownSignal: AbortSignal;
  readonly contextValues?: ContextValues;
}

/**
 * Opens the context of a stream. Its signal is triggered when the client disconnects, when the
 * service stops, and at the deadline of the request header `X-Server-Timeout` (seconds). Call
 * `abort()` when the call has ended.
 *
 * @throws TaskError INVALID_REQUEST for a bad `X-Server-Timeout`.
 */
export function openCallContext(
  method: DescMethod,
  request: FastifyRequest,
  { clientSignal, shutdownSignal, ...values }: CallSurroundings,
): CallContext {
  const timeoutMs = readTimeoutMs(request);
  return createHandlerContext({
    service: method.parent,
    method,
    protocolName: "rest",
    requestMethod: request.method,
    url: request.url,
    requestHeader: toWebHeaders(request.headers),
    requestSignal: clientSignal,
    shutdownSignal,
    ...defined({ timeoutMs }),
    ...values,
  });
}

/** The longest delay of a timer. A later deadline is ignored. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** @throws TaskError INVALID_REQUEST for a bad `X-Server-Timeout`. */
export function readTimeoutMs({ headers }: FastifyRequest): number | undefined {
  const header = headers["x-server-timeout"];
  if (header === undefined) return undefined;
  const timeoutMs = Number(header) * 1000;
  if (timeoutMs > 0) return Math.min(timeoutMs, MAX_TIMEOUT_MS);
  throw new TaskError(
    "INVALID_REQUEST",
    'Cannot read the header "X-Server-Timeout": it must be a number of seconds above 0',
  );
}
