import type { DescService } from "@bufbuild/protobuf";
import {
  type ConnectRouter,
  createServiceImplSpec,
  type HandlerContext,
  type MethodImplSpec,
  type ServiceImpl,
  type ServiceImplSpec,
} from "@connectrpc/connect";
import type { Caller } from "../../domain/caller.js";
import { perObject } from "../../lib/per-object.js";
import type { MaxBytesOf } from "../calls/max-bytes.js";
import { callerKey } from "../identity/caller-context.js";

/** A service with its handlers, in the forms that both ways of calling need. */
export interface ServedService {
  readonly service: DescService;
  /** For the REST transcoder. */
  readonly spec: ServiceImplSpec;
  /** For gRPC, gRPC-Web and Connect. */
  readonly route: (router: ConnectRouter, maxBytesOf: MaxBytesOf) => void;
}

/** Combines a service and its handlers. */
export function serve<S extends DescService>(service: S, handlers: ServiceImpl<S>): ServedService {
  const spec = createServiceImplSpec<S>(service, handlers);
  return {
    service,
    spec,
    route: (router, maxBytesOf) => {
      for (const { method, impl } of Object.values<MethodImplSpec>(spec.methods))
        router.rpc(method, impl, { readMaxBytes: maxBytesOf(method) });
    },
  };
}

/**
 * Serves each call by the use cases that are there for its caller: no handler has to ask who calls, and
 * none can forget to.
 *
 * @param handlersOf is asked once for each set of use cases.
 */
export function serveFor<S extends DescService, U extends object>(
  service: S,
  useCasesFor: (caller: Caller) => U,
  handlersOf: (useCases: U) => ServiceImpl<S>,
): ServedService {
  const handlersFor = perObject(handlersOf);
  type Handler = (request: unknown, context: HandlerContext) => unknown;
  const handlers = service.methods.map(({ localName }) => {
    const handler: Handler = (request, context) => {
      const found = handlersFor(useCasesFor(context.values.get(callerKey)));
      return (found as Readonly<Record<string, Handler>>)[localName]?.(request, context);
    };
    return [localName, handler];
  });
  return serve(service, Object.fromEntries(handlers) as ServiceImpl<S>);
}
