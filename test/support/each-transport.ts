import {
  create,
  type DescMethod,
  type DescMethodStreaming,
  type DescMethodUnary,
  getOption,
} from "@bufbuild/protobuf";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { http } from "../../src/gen/google/api/annotations_pb.js";

/** How a call ended: the name of its gRPC code, or `Ok` once it answered. */
export type Ending = keyof typeof Code | "Ok";

/** Calls a method of the service with an empty request. Undefined: the transport cannot. */
export type CallMethod = (
  method: DescMethod,
  headers: Record<string, string>,
) => Promise<Ending | undefined>;

/** A caller for each way to call an RPC. */
export function eachTransport(baseUrl: string): Readonly<Record<string, CallMethod>> {
  const http2 = { baseUrl, httpVersion: "2" } as const;
  const http1 = { baseUrl, httpVersion: "1.1" } as const;
  return {
    gRPC: callBy(createGrpcTransport({ baseUrl })),
    Connect: callBy(createConnectTransport(http1), false),
    "Connect over HTTP/2": callBy(createConnectTransport(http2)),
    "gRPC-Web": callBy(createGrpcWebTransport(http1), false),
    REST: (method, headers) => callRest(baseUrl, method, headers),
  };
}

function callBy(transport: Transport, takesBoth = true): CallMethod {
  return async (method, headers) => {
    const end = new AbortController();
    try {
      if (method.methodKind === "unary") {
        await transport.unary(
          method as DescMethodUnary,
          end.signal,
          20_000,
          headers,
          create(method.input),
        );
        return "Ok";
      }
      if (method.methodKind === "bidi_streaming" && !takesBoth) return undefined;
      const input = messages(method);
      const answer = await transport.stream(
        ...([method as DescMethodStreaming, end.signal, 20_000, headers, input] as const),
      );
      await answer.message[Symbol.asyncIterator]().next();
      return "Ok";
    } catch (error) {
      return Code[ConnectError.from(error).code] as Ending;
    } finally {
      end.abort();
    }
  };
}

async function* messages({ input }: DescMethod) {
  yield create(input);
}

const ENDINGS: Readonly<Record<number, Ending>> = {
  401: "Unauthenticated",
  403: "PermissionDenied",
  404: "NotFound",
  429: "ResourceExhausted",
};

/** @returns `Ok` for every status that says nothing of the caller. */
async function callRest(
  url: string,
  method: DescMethod,
  headers: Record<string, string>,
): Promise<Ending | undefined> {
  const { pattern } = getOption(method, http);
  if (pattern.case === undefined || pattern.case === "custom") return undefined;
  const path = pattern.value.replace(/\{[^}]*\}/g, "0".repeat(32));
  const end = new AbortController();
  const response = await fetch(url + path, {
    method: pattern.case.toUpperCase(),
    headers: { ...headers, "content-type": "application/json" },
    ...(pattern.case === "post" && { body: "{}" }),
    signal: AbortSignal.any([end.signal, AbortSignal.timeout(20_000)]),
  });
  end.abort();
  return ENDINGS[response.status] ?? "Ok";
}
