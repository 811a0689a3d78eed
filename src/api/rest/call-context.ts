import type { DescMethod } from "@bufbuild/protobuf";
import { Code, ConnectError, type ContextValues, createHandlerContext } from "@connectrpc/connect";
import type { FastifyReply, FastifyRequest } from "fastify";
import { TaskError } from "../../domain/errors.js";
import { defined } from "../../lib/defined.js";

/** A handler's context and the means to end it. */
export type CallContext = ReturnType<typeof createHandlerContext>;

/**
 * A signal that is triggered when the client disconnects before it has the whole response. Ask for it
 * when the request comes in: an earlier disconnection is not noticed.
 */
export function watchClient({ raw }: FastifyReply): AbortSignal {
  const client = new AbortController();
  raw.once("close", () => {
    if (!raw.writableEnded || raw.writableFinished === false)
      client.abort(new ConnectError("The client went away", Code.Canceled));
  });
  return client.signal;
}

/** What a call has beside its request. */
export interface CallSurroundings {
  readonly clientSignal: AbortSignal;
  readonly shutdownSignal: AbortSignal;
  readonly contextValues?: ContextValues;
}

/**
 * Opens the context of one call. Its signal is triggered when the client disconnects, when the
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
  const timeoutMs = readTimeoutMs(request.headers["x-server-timeout"]);
  return createHandlerContext({
    service: method.parent,
    method,
    protocolName: "rest",
    requestMethod: request.method,
    url: request.url,
    requestHeader: requestHeaders(request),
    requestSignal: clientSignal,
    shutdownSignal,
    ...defined({ timeoutMs }),
    ...values,
  });
}

/** The longest delay of a timer. A later deadline is ignored. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

function readTimeoutMs(header: string | string[] | undefined): number | undefined {
  if (header === undefined) return undefined;
  const timeoutMs = Number(header) * 1000;
  if (timeoutMs > 0) return Math.min(timeoutMs, MAX_TIMEOUT_MS);
  throw new TaskError(
    "INVALID_REQUEST",
    'Cannot read the header "X-Server-Timeout": it must be a number of seconds above 0',
  );
}

function requestHeaders({ headers }: FastifyRequest): Headers {
  const result = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    // HTTP/2 has pseudo-headers, which the class Headers refuses.
    if (value === undefined || name.startsWith(":")) continue;
    result.set(name, Array.isArray(value) ? value.join(", ") : value);
  }
  return result;
}
