import type { DescService } from "@bufbuild/protobuf";
import {
  type ConnectRouter,
  createServiceImplSpec,
  type MethodImplSpec,
  type ServiceImpl,
  type ServiceImplSpec,
} from "@connectrpc/connect";
import type { MaxBytesOf } from "../calls/max-bytes.js";

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
