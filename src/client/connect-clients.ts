import { type Client, createClient, type Interceptor } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from "@connectrpc/connect-node";
import { parseAddress } from "./address.js";
import { UploadService } from "./gen/tmlsr/v1/upload_service_pb.js";
import { sendKey } from "./send-key.js";
import { createServices, type Services } from "./services.js";
import { type Upload, uploadMessages } from "./upload.js";

/** The services of TMLSR over Connect's library. All share one connection; disposing closes it. */
export interface ConnectClients extends Services, Disposable {
  readonly uploads: Client<typeof UploadService>;
  readonly upload: Upload;
}

/** How calls are made. */
export interface ConnectClientsOptions {
  /** @default "grpc" */
  readonly protocol?: "grpc" | "grpc-web" | "connect";
  /**
   * The time limit of a call that sets none, streams included. After it the call fails with
   * DEADLINE_EXCEEDED. @default none
   */
  readonly defaultTimeoutMs?: number;
  /** A key of the service, where it asks for one (`TMLSR_AUTH=keys`). @default none */
  readonly key?: string;
  readonly interceptors?: readonly Interceptor[];
}

const TRANSPORTS = {
  grpc: createGrpcTransport,
  "grpc-web": createGrpcWebTransport,
  connect: createConnectTransport,
} as const;

/** Pings the service, so that a dead connection is noticed within 40 seconds. */
const PING = { pingIntervalMs: 30_000, pingTimeoutMs: 10_000 };

/**
 * Makes the clients, over HTTP/2. The first call opens the connection. Calls fail with
 * ConnectError.
 *
 * @param address `http://localhost:6008`, `https://…` or `localhost:6008`.
 * @throws TypeError for an invalid address.
 */
export function createConnectClients(
  address: string,
  options: ConnectClientsOptions = {},
): ConnectClients {
  const { protocol = "grpc", key, defaultTimeoutMs, interceptors = [] } = options;
  const { baseUrl } = parseAddress(address);
  const sessionManager = new Http2SessionManager(baseUrl, PING);
  const transport = TRANSPORTS[protocol]({
    baseUrl,
    httpVersion: "2",
    sessionManager,
    interceptors: [...sendKey(key), ...interceptors],
    ...(defaultTimeoutMs === undefined ? {} : { defaultTimeoutMs }),
  });
  const uploads = createClient(UploadService, transport);
  return {
    ...createServices(transport),
    uploads,
    upload: (content, call = {}) => uploads.upload(uploadMessages(content, call), call),
    [Symbol.dispose]: () => sessionManager.abort(),
  };
}
