import type { DescMethod } from "@bufbuild/protobuf";
import { type ContextValues, createHandlerContext } from "@connectrpc/connect";
import type { FastifyRequest } from "fastify";
import { defined } from "../../lib/defined.js";
import { toWebHeaders } from "./unary-exchange.js";

/** A handler's context and the means to end it. */
export type CallContext = ReturnType<typeof createHandlerContext>;

/** What a call has beside its request. */
export interface CallSurroundings {
  readonly protocolName: "rest" | "grpc";
  /** Undefined: the client set no deadline. */
  readonly timeoutMs: number | undefined;
  readonly clientSignal: AbortSignal;
  readonly shutdownSignal: AbortSignal;
  readonly contextValues?: ContextValues;
}

/**
 * Opens the context of a stream. Its signal is triggered when the client disconnects, when the
 * service stops, and at the client's deadline. Call `abort(CALL_ENDED)` when the call has ended.
 */
export function openCallContext(
  method: DescMethod,
  request: FastifyRequest,
  { clientSignal, protocolName, shutdownSignal, timeoutMs, contextValues }: CallSurroundings,
): CallContext {
  return createHandlerContext({
    ...{ service: method.parent, method, protocolName },
    ...{ requestMethod: request.method, url: request.url },
    requestHeader: toWebHeaders(request.headers),
    ...{ requestSignal: clientSignal, shutdownSignal },
    ...defined({ timeoutMs, contextValues }),
  });
}
