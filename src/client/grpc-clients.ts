import { type ChannelCredentials, type ChannelOptions, Client, credentials } from "@grpc/grpc-js";
import { parseAddress } from "./address.js";
import { DeliveryService } from "./gen/tmlsr/v1/delivery_service_pb.js";
import { MonitorService } from "./gen/tmlsr/v1/monitor_service_pb.js";
import { TaskService } from "./gen/tmlsr/v1/task_service_pb.js";
import { UploadService } from "./gen/tmlsr/v1/upload_service_pb.js";
import { WorkflowService } from "./gen/tmlsr/v1/workflow_service_pb.js";
import { createGrpcClient, type GrpcClient } from "./grpc-client.js";
import { grpcSendKey } from "./grpc-send-key.js";
import { type Upload, uploadMessages } from "./upload.js";

/** The services of TMLSR over grpc-js. All share one channel; disposing closes it. */
export interface GrpcClients extends Disposable {
  readonly tasks: GrpcClient<typeof TaskService>;
  readonly monitor: GrpcClient<typeof MonitorService>;
  readonly workflows: GrpcClient<typeof WorkflowService>;
  readonly uploads: GrpcClient<typeof UploadService>;
  readonly deliveries: GrpcClient<typeof DeliveryService>;
  readonly upload: Upload;
}

/** Options of the channel. */
export interface GrpcClientsOptions {
  /** @default TLS for an https address, otherwise no encryption */
  readonly credentials?: ChannelCredentials;
  /** A key of the service, where it asks for one (`TMLSR_AUTH=keys`). @default none */
  readonly key?: string;
  /** More options of grpc-js, by the names that grpc-js gives them. */
  readonly channelOptions?: ChannelOptions;
}

/** Pings the service, so that a dead connection is noticed within 40 seconds. */
const KEEPALIVE: ChannelOptions = {
  "grpc.keepalive_time_ms": 30_000,
  "grpc.keepalive_timeout_ms": 10_000,
};

/**
 * Makes the clients. The first call opens the connection.
 *
 * @param address `http://localhost:6008`, `https://…` or `localhost:6008`.
 * @throws TypeError for an invalid address.
 */
export function createGrpcClients(address: string, options: GrpcClientsOptions = {}): GrpcClients {
  const { hostAndPort, isSecure } = parseAddress(address);
  const defaults = isSecure ? credentials.createSsl() : credentials.createInsecure();
  const interceptors = grpcSendKey(options.key);
  const channelOptions = { ...KEEPALIVE, interceptors, ...options.channelOptions };
  const client = new Client(hostAndPort, options.credentials ?? defaults, channelOptions);
  const uploads = createGrpcClient(UploadService, client);
  return {
    tasks: createGrpcClient(TaskService, client),
    monitor: createGrpcClient(MonitorService, client),
    workflows: createGrpcClient(WorkflowService, client),
    uploads,
    deliveries: createGrpcClient(DeliveryService, client),
    upload: (content, call = {}) => uploads.upload(uploadMessages(content, call), call),
    [Symbol.dispose]: () => client.close(),
  };
}
