import type { DescService } from "@bufbuild/protobuf";
import {
  type ConnectRouter,
  createServiceImplSpec,
  type ServiceImpl,
  type ServiceImplSpec,
} from "@connectrpc/connect";

/** A service with its handlers, in the forms that both ways of calling need. */
export interface ServedService {
  readonly service: DescService;
  /** For the REST transcoder. */
  readonly spec: ServiceImplSpec;
  /** For gRPC, gRPC-Web and Connect. */
  readonly route: (router: ConnectRouter) => void;
}

/** Combines a service and its handlers. */
export function serve<S extends DescService>(service: S, handlers: ServiceImpl<S>): ServedService {
  return {
    service,
    spec: createServiceImplSpec<S>(service, handlers),
    route: (router) => void router.service(service, handlers),
  };
}
