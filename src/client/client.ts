/**
 * Typed clients of the service for other programs. The package's entry `./client` offers exactly
 * this.
 */
// biome-ignore-all lint/performance/noBarrelFile: the one entry of the package
export * from "../gen/tmlsr/v1/error_pb.js";
export * from "../gen/tmlsr/v1/monitor_service_pb.js";
export * from "../gen/tmlsr/v1/task_pb.js";
export * from "../gen/tmlsr/v1/task_service_pb.js";
export * from "../gen/tmlsr/v1/upload_service_pb.js";
export * from "../gen/tmlsr/v1/workflow_service_pb.js";
export {
  type ConnectClients,
  type ConnectClientsOptions,
  createConnectClients,
} from "./connect-clients.js";
export { errorCodeOf, errorDetailOf } from "./error-detail.js";
export {
  createGrpcClient,
  type GrpcCallOptions,
  type GrpcClient,
  type GrpcMethod,
} from "./grpc-client.js";
export { createGrpcClients, type GrpcClients, type GrpcClientsOptions } from "./grpc-clients.js";
export type { Upload, UploadContent, UploadOptions } from "./upload.js";
