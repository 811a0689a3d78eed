import type { ContextValues } from "@connectrpc/connect";
import type { Caller } from "../../domain/caller.js";
import { Health } from "../../gen/grpc/health/v1/health_pb.js";
import { ServerReflection } from "../../gen/grpc/reflection/v1/reflection_pb.js";
import { ServerReflection as AlphaServerReflection } from "../../gen/grpc/reflection/v1alpha/reflection_pb.js";
import { AuditService } from "../../gen/tmlsr/v1/audit_service_pb.js";
import { DeliveryService } from "../../gen/tmlsr/v1/delivery_service_pb.js";
import { file_tmlsr_v1_error } from "../../gen/tmlsr/v1/error_pb.js";
import { KeyService } from "../../gen/tmlsr/v1/key_service_pb.js";
import { MonitorService } from "../../gen/tmlsr/v1/monitor_service_pb.js";
import { TaskService } from "../../gen/tmlsr/v1/task_service_pb.js";
import { UploadService } from "../../gen/tmlsr/v1/upload_service_pb.js";
import { WorkflowService } from "../../gen/tmlsr/v1/workflow_service_pb.js";
import { addressKey, callerKey } from "../identity/caller-context.js";
import { type Audit, createAuditHandlers } from "./audit-handlers.js";
import { createDeliveryHandlers, type Deliveries } from "./delivery-handlers.js";
import { DescriptorIndex } from "./descriptor-index.js";
import { createHealthHandlers } from "./health-handlers.js";
import { createKeyHandlers, type Keys } from "./key-handlers.js";
import { createMonitorHandlers, type Monitor } from "./monitor-handlers.js";
import { createAlphaReflectionHandlers, createReflectionHandlers } from "./reflection-handlers.js";
import { type ServedService, serve, serveFor } from "./served-service.js";
import { createTaskHandlers, type Tasks } from "./task-handlers.js";
import { createUploadHandlers, type Uploads } from "./upload-handlers.js";
import { createWorkflowHandlers, type Workflows } from "./workflow-handlers.js";

/** The use cases that clients can call through the API. */
export interface ApiServices {
  readonly tasks: Tasks;
  readonly monitor: Monitor;
  readonly workflows: Workflows;
  readonly uploads: Uploads;
  readonly deliveries: Deliveries;
  /** Absent where access is not by keys. */
  readonly keys?: Keys;
  /** As `keys`. */
  readonly audit?: Audit;
}

/** The use cases for a caller: what is of other tenants is not there. The same objects for the same tenant. */
export type ServicesFor = (caller: Caller) => ApiServices;

/** What {@link serveTmlsr} serves. */
export const TMLSR_SERVICES = [
  TaskService,
  MonitorService,
  WorkflowService,
  UploadService,
  DeliveryService,
  KeyService,
  AuditService,
];

/** The uploads for a caller. @param address where the request came from. */
export type UploadsFor = (caller: Caller, address: string) => Uploads;

/** The services of TMLSR. REST serves them too, except methods with streams of requests. */
export function serveTmlsr(
  servicesFor: ServicesFor,
  uploadsFor: UploadsFor,
  { keys, audit }: Pick<ApiServices, "keys" | "audit">,
): ServedService[] {
  const uploadsOf = (values: ContextValues) =>
    uploadsFor(values.get(callerKey), values.get(addressKey));
  return [
    serveFor(TaskService, (caller) => servicesFor(caller).tasks, createTaskHandlers),
    serveFor(MonitorService, (caller) => servicesFor(caller).monitor, createMonitorHandlers),
    serveFor(WorkflowService, (caller) => servicesFor(caller).workflows, createWorkflowHandlers),
    serve(UploadService, createUploadHandlers(uploadsOf)),
    serveFor(DeliveryService, (caller) => servicesFor(caller).deliveries, createDeliveryHandlers),
    ...(keys ? [serve(KeyService, createKeyHandlers(keys))] : []),
    ...(audit ? [serve(AuditService, createAuditHandlers(audit))] : []),
  ];
}

/** Health and reflection, for the services of TMLSR and for themselves. */
export function serveTools(
  tmlsr: readonly ServedService[],
  { ready }: Pick<Monitor, "ready">,
  shutdownSignal: AbortSignal,
): ServedService[] {
  const services = [...tmlsr.map(({ service }) => service), Health];
  const names = services.map(({ typeName }) => typeName);
  const files = [...services, ServerReflection, AlphaServerReflection].map(({ file }) => file);
  const source = {
    serviceNames: [...names, ServerReflection.typeName, AlphaServerReflection.typeName],
    // Tools that print error details find their types through reflection.
    index: new DescriptorIndex([...files, file_tmlsr_v1_error]),
  };
  return [
    serve(Health, createHealthHandlers(names, ready, shutdownSignal)),
    serve(ServerReflection, createReflectionHandlers(source)),
    serve(AlphaServerReflection, createAlphaReflectionHandlers(source)),
  ];
}
