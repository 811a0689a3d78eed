import type { DescService } from "@bufbuild/protobuf";
import {
  type ConnectRouter,
  createServiceImplSpec,
  type ServiceImpl,
  type ServiceImplSpec,
} from "@connectrpc/connect";

/** A service with its handlers, for either way to be called. */
export interface ServedService {
  readonly service: DescService;
  /** For the REST transcoder. */
  readonly spec: ServiceImplSpec;
  /** For gRPC, gRPC-Web and Connect. */
  readonly route: (router: ConnectRouter) => void;
}

/** Puts a service and its handlers together. */
export function serve<S extends DescService>(service: S, handlers: ServiceImpl<S>): ServedService {
  return {
    service,
    spec: createServiceImplSpec<S>(service, handlers),
    route: (router) => void router.service(service, handlers),
  };
}
