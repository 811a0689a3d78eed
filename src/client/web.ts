/**
 * Typed clients of the service for pages in a browser. The entry `./web` of the package: nothing
 * here needs Node.js.
 */
// biome-ignore-all lint/performance/noBarrelFile: an entry of the package

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
export type { UploadOptions } from "./upload-options.js";
export { createWebClients, type WebClients, type WebClientsOptions } from "./web-clients.js";
export type { WebUpload } from "./web-upload.js";
