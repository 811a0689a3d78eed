import { type Client, createClient, type Interceptor, type Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from "@connectrpc/connect-node";
import { MonitorService } from "../gen/tmlsr/v1/monitor_service_pb.js";
import { TaskService } from "../gen/tmlsr/v1/task_service_pb.js";
import { UploadService } from "../gen/tmlsr/v1/upload_service_pb.js";
import { WorkflowService } from "../gen/tmlsr/v1/workflow_service_pb.js";
import { parseAddress } from "./address.js";
import { type Upload, uploadMessages } from "./upload.js";

/** The services of TMLSR over Connect's library. All share one connection; disposing closes it. */
export interface ConnectClients extends Disposable {
  readonly tasks: Client<typeof TaskService>;
  readonly monitor: Client<typeof MonitorService>;
  readonly workflows: Client<typeof WorkflowService>;
  readonly uploads: Client<typeof UploadService>;
  readonly upload: Upload;
  /** The shared connection, for clients of other services at the same address. */
  readonly transport: Transport;
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
  const { protocol = "grpc", defaultTimeoutMs, interceptors = [] } = options;
  const { baseUrl } = parseAddress(address);
  const sessionManager = new Http2SessionManager(baseUrl, PING);
  const transport = TRANSPORTS[protocol]({
    baseUrl,
    httpVersion: "2",
    sessionManager,
    interceptors: [...interceptors],
    ...(defaultTimeoutMs === undefined ? {} : { defaultTimeoutMs }),
  });
  const uploads = createClient(UploadService, transport);
  return {
    tasks: createClient(TaskService, transport),
    monitor: createClient(MonitorService, transport),
    workflows: createClient(WorkflowService, transport),
    uploads,
    upload: (content, call = {}) => uploads.upload(uploadMessages(content, call), call),
    transport,
    [Symbol.dispose]: () => sessionManager.abort(),
  };
}
