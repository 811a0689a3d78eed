import { createServer, type Server } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import type { DescService } from "@bufbuild/protobuf";
import { createServiceImplSpec, type ServiceImpl, type ServiceImplSpec } from "@connectrpc/connect";
import { type FastifyInstance, type FastifyServerFactory, fastify } from "fastify";
import { onTestFinished } from "vitest";
import { toProblem } from "../../../../src/api/calls/error-mapping.js";
import { answerFrameworkError } from "../../../../src/api/calls/framework-problems.js";
import type { RestOptions } from "../../../../src/api/rest/rest-options.js";
import { registerRest } from "../../../../src/api/rest/rest-plugin.js";

/** A server that serves nothing but REST. */
export interface RestServer {
  readonly url: string;
  readonly port: number;
}

/** Implements some methods of a service. */
export function implement<S extends DescService>(
  service: S,
  implementation: Partial<ServiceImpl<S>>,
): ServiceImplSpec {
  return createServiceImplSpec<S>(service, implementation as ServiceImpl<S>);
}

/** Serves REST on a free port until the test has finished. */
export async function startRest(
  services: readonly ServiceImplSpec[],
  options: Partial<RestOptions> & { readonly http2?: boolean } = {},
): Promise<RestServer> {
  const app: FastifyInstance = fastify({
    forceCloseConnections: true,
    frameworkErrors: answerFrameworkError,
    serverFactory: options.http2 === true ? createPlainHttp2 : (handler) => createServer(handler),
  });
  registerRest(app, {
    services,
    interceptors: [],
    shutdownSignal: new AbortController().signal,
    maxBytesOf: () => 10_000,
    toProblem,
    ...options,
  });
  onTestFinished(() => app.close());
  await app.listen({ host: "127.0.0.1", port: 0 });
  const { port } = app.server.address() as AddressInfo;
  return { port, url: `http://127.0.0.1:${port}` };
}

/** Fastify's types know one protocol at a time; its code serves both. */
const createPlainHttp2: FastifyServerFactory = (handler) => {
  const serve = handler as unknown as Parameters<typeof createHttp2Server>[1];
  return createHttp2Server(serve) as unknown as Server;
};
