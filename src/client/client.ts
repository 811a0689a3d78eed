/**
 * Typed clients of the service for programs on Node.js: the package `tmlsr-client`. `tmlsr/client`
 * offers exactly this.
 */
// biome-ignore-all lint/performance/noBarrelFile: an entry of the package

export {
  type ConnectClients,
  type ConnectClientsOptions,
  createConnectClients,
} from "./connect-clients.js";
export { errorCodeOf, errorDetailOf } from "./error-detail.js";
export * from "./gen/tmlsr/v1/audit_service_pb.js";
export * from "./gen/tmlsr/v1/delivery_service_pb.js";
export * from "./gen/tmlsr/v1/error_pb.js";
export * from "./gen/tmlsr/v1/key_service_pb.js";
export * from "./gen/tmlsr/v1/monitor_service_pb.js";
export * from "./gen/tmlsr/v1/task_pb.js";
export * from "./gen/tmlsr/v1/task_service_pb.js";
export * from "./gen/tmlsr/v1/upload_service_pb.js";
export * from "./gen/tmlsr/v1/workflow_service_pb.js";
export {
  createGrpcClient,
  type GrpcCallOptions,
  type GrpcClient,
  type GrpcMethod,
} from "./grpc-client.js";
export { createGrpcClients, type GrpcClients, type GrpcClientsOptions } from "./grpc-clients.js";
export type { Upload, UploadContent } from "./upload.js";
export type { UploadOptions } from "./upload-options.js";
export { verifyWebhook, type WebhookEvent, type WebhookHeaders } from "./verify-webhook.js";
