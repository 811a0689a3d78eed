import {
  create,
  type DescMethod,
  type DescMethodStreaming,
  type DescMethodUnary,
  getOption,
  type Message,
  toJsonString,
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

/** What a method is called with, and who is told what came. */
export interface CallOptions {
  /** Of the request. @default none */
  readonly fields?: Readonly<Record<string, unknown>>;
  /** Is given the first message as JSON. */
  readonly onAnswer?: (text: string) => void;
}

/** Calls a method of the service. Undefined: the transport cannot. */
export type CallMethod = (
  method: DescMethod,
  headers: Record<string, string>,
  options?: CallOptions,
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
    REST: (method, headers, options) => callRest(baseUrl, method, headers, options),
  };
}

function callBy(transport: Transport, takesBoth = true): CallMethod {
  return async (method, headers, { fields = {}, onAnswer } = {}) => {
    const request = create(method.input, fields);
    const tell = (message: unknown): void =>
      onAnswer?.(toJsonString(method.output, message as Message));
    const end = new AbortController();
    try {
      if (method.methodKind === "unary") {
        const { message } = await transport.unary(
          ...([method as DescMethodUnary, end.signal, 20_000, headers, request] as const),
        );
        tell(message);
        return "Ok";
      }
      if (method.methodKind === "bidi_streaming" && !takesBoth) return undefined;
      const input = once(request);
      const answer = await transport.stream(
        ...([method as DescMethodStreaming, end.signal, 20_000, headers, input] as const),
      );
      const { value } = await answer.message[Symbol.asyncIterator]().next();
      if (value) tell(value);
      return "Ok";
    } catch (error) {
      return Code[ConnectError.from(error).code] as Ending;
    } finally {
      end.abort();
    }
  };
}

async function* once(request: Message) {
  yield request;
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
  { fields = {}, onAnswer }: CallOptions = {},
): Promise<Ending | undefined> {
  const { pattern } = getOption(method, http);
  if (pattern.case === undefined || pattern.case === "custom") return undefined;
  const inPath = (name: string) => String(fields[name] ?? "0".repeat(32));
  const path = pattern.value.replace(/\{[^}]*\}/g, (name) =>
    inPath(name === "{task_id}" ? "taskId" : name),
  );
  const end = new AbortController();
  const response = await fetch(url + path, {
    method: pattern.case.toUpperCase(),
    headers: { ...headers, "content-type": "application/json" },
    ...(pattern.case === "post" && {
      body: toJsonString(method.input, create(method.input, fields)),
    }),
    signal: AbortSignal.any([end.signal, AbortSignal.timeout(120_000)]),
  });
  if (onAnswer && response.ok) onAnswer(await firstOf(response, method));
  end.abort();
  return ENDINGS[response.status] ?? "Ok";
}

/** The whole text, or what comes first of a stream. */
async function firstOf(response: Response, { methodKind }: DescMethod): Promise<string> {
  if (methodKind === "unary") return await response.text();
  const reader = response.body?.getReader();
  const { value } = (await reader?.read()) ?? {};
  return new TextDecoder().decode(value);
}
