import { Readable } from "node:stream";
import {
  create,
  type DescMessage,
  type DescMethod,
  type DescMethodClientStreaming,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  type DescService,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { type CallOptions, type Client, Metadata } from "@grpc/grpc-js";

/** Options of one call. */
export interface GrpcCallOptions {
  /** Cancels the call. */
  readonly signal?: AbortSignal;
  /**
   * The call's time limit. After it the call fails with DEADLINE_EXCEEDED. @default 30000 for unary
   * calls, none for streams
   */
  readonly timeoutMs?: number;
  /** Sent with the call, e.g. `idempotency-key`. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** A method as a function. A stream is an async iterable, a single message is a promise. */
export type GrpcMethod<M extends DescMethod> =
  M extends DescMethodUnary<infer I, infer O>
    ? (request: MessageInitShape<I>, options?: GrpcCallOptions) => Promise<MessageShape<O>>
    : M extends DescMethodServerStreaming<infer I, infer O>
      ? (request: MessageInitShape<I>, options?: GrpcCallOptions) => AsyncIterable<MessageShape<O>>
      : M extends DescMethodClientStreaming<infer I, infer O>
        ? (
            requests: AsyncIterable<MessageInitShape<I>>,
            options?: GrpcCallOptions,
          ) => Promise<MessageShape<O>>
        : never;

/** A service as an object with its methods. Calls fail with grpc-js's ServiceError. */
export type GrpcClient<S extends DescService> = {
  readonly [K in keyof S["method"]]: GrpcMethod<S["method"][K]>;
};

const DEFAULT_TIMEOUT_MS = 30_000;

/**
 * Makes the typed client of a service over a grpc-js client. Several typed clients can share that
 * client's channel. Methods that stream both ways are left out.
 */
export function createGrpcClient<S extends DescService>(service: S, client: Client): GrpcClient<S> {
  const methods = service.methods.map((method) => [method.localName, callable(method, client)]);
  return Object.fromEntries(methods.filter(([, call]) => call !== undefined)) as GrpcClient<S>;
}

/**
 * Makes the function of a method. TypeScript cannot narrow a method's type by its kind, hence the
 * casts.
 */
function callable(method: DescMethod, client: Client) {
  switch (method.methodKind) {
    case "unary":
      return unary(method as DescMethodUnary, client);
    case "server_streaming":
      return serverStreaming(method as DescMethodServerStreaming, client);
    case "client_streaming":
      return clientStreaming(method as DescMethodClientStreaming, client);
    case "bidi_streaming":
      return undefined;
  }
}

function unary<I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  client: Client,
) {
  const { path, serialize, deserialize } = definitionOf(method);
  return (request: MessageInitShape<I>, options: GrpcCallOptions = {}) =>
    new Promise<MessageShape<O>>((resolve, reject) => {
      const { signal, timeoutMs = DEFAULT_TIMEOUT_MS } = options;
      const cancel = () => call.cancel();
      const call = client.makeUnaryRequest(
        path,
        serialize,
        deserialize,
        request,
        metadataOf(options),
        callOptions(timeoutMs),
        (error, response) => {
          signal?.removeEventListener("abort", cancel);
          if (error !== null) reject(error);
          else if (response !== undefined) resolve(response);
        },
      );
      if (signal?.aborted) cancel();
      else signal?.addEventListener("abort", cancel);
    });
}

function serverStreaming<I extends DescMessage, O extends DescMessage>(
  method: DescMethodServerStreaming<I, O>,
  client: Client,
) {
  const { path, serialize, deserialize } = definitionOf(method);
  return async function* stream(
    request: MessageInitShape<I>,
    options: GrpcCallOptions = {},
  ): AsyncGenerator<MessageShape<O>> {
    const { signal, timeoutMs } = options;
    const call = client.makeServerStreamRequest(
      path,
      serialize,
      deserialize,
      request,
      metadataOf(options),
      callOptions(timeoutMs),
    );
    const cancel = () => call.cancel();
    // This listener stays after the loop has ended. A later error without a listener would end the
    // process.
    call.on("error", () => undefined);
    if (signal?.aborted) cancel();
    else signal?.addEventListener("abort", cancel);
    try {
      for await (const message of call) yield message;
    } finally {
      signal?.removeEventListener("abort", cancel);
      cancel();
    }
  };
}

function clientStreaming<I extends DescMessage, O extends DescMessage>(
  method: DescMethodClientStreaming<I, O>,
  client: Client,
) {
  const { path, serialize, deserialize } = definitionOf(method);
  return (requests: AsyncIterable<MessageInitShape<I>>, options: GrpcCallOptions = {}) =>
    new Promise<MessageShape<O>>((resolve, reject) => {
      const { signal, timeoutMs } = options;
      const source = Readable.from(requests);
      const cancel = () => call.cancel();
      const call = client.makeClientStreamRequest(
        path,
        serialize,
        deserialize,
        metadataOf(options),
        callOptions(timeoutMs),
        (error, response) => {
          signal?.removeEventListener("abort", cancel);
          // The service may answer before the whole file is sent. The rest is then not needed.
          source.destroy();
          if (error !== null) reject(source.errored ?? error);
          else if (response !== undefined) resolve(response);
        },
      );
      source.once("error", cancel);
      // The call's type knows only messages, but pipe() wants a stream.
      source.pipe(call as unknown as NodeJS.WritableStream);
      if (signal?.aborted) cancel();
      else signal?.addEventListener("abort", cancel);
    });
}

/** Describes a method in the form that grpc-js needs. */
function definitionOf<I extends DescMessage, O extends DescMessage>({
  parent,
  name,
  input,
  output,
}: DescMethodUnary<I, O> | DescMethodServerStreaming<I, O> | DescMethodClientStreaming<I, O>) {
  return {
    path: `/${parent.typeName}/${name}`,
    serialize: (request: MessageInitShape<I>) =>
      Buffer.from(toBinary(input, create(input, request))),
    deserialize: (bytes: Buffer) => fromBinary(output, bytes),
  };
}

function metadataOf({ headers = {} }: GrpcCallOptions): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  return metadata;
}

function callOptions(timeoutMs: number | undefined): CallOptions {
  return timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };
}
