import type { DescMethod, DescService } from "@bufbuild/protobuf";
import type { Scope } from "../../domain/caller.js";
import { Health } from "../../gen/grpc/health/v1/health_pb.js";
import { ServerReflection } from "../../gen/grpc/reflection/v1/reflection_pb.js";
import { ServerReflection as AlphaServerReflection } from "../../gen/grpc/reflection/v1alpha/reflection_pb.js";
import { AuditService } from "../../gen/tmlsr/v1/audit_service_pb.js";
import { DeliveryService } from "../../gen/tmlsr/v1/delivery_service_pb.js";
import { KeyService } from "../../gen/tmlsr/v1/key_service_pb.js";
import { MonitorService } from "../../gen/tmlsr/v1/monitor_service_pb.js";
import { TaskService } from "../../gen/tmlsr/v1/task_service_pb.js";
import { UploadService } from "../../gen/tmlsr/v1/upload_service_pb.js";
import { WorkflowService } from "../../gen/tmlsr/v1/workflow_service_pb.js";

/** What the configuration can open to callers without a key; none of it holds data of tasks. */
export const OPEN_PARTS = ["docs", "page", "metrics"] as const;
export type OpenPart = (typeof OPEN_PARTS)[number];

/** What a caller needs: a scope, or nothing at all, or nothing where the configuration opens the part. */
export type Need = Scope | "nothing" | OpenPart;

/** The scope for a part that is not open. */
const SCOPE_OF_PART: Readonly<Record<OpenPart, Scope>> = {
  docs: "read",
  page: "read",
  metrics: "operate",
};

/** An entry for each RPC of a service: one that is missing does not compile. */
type Needs<S extends DescService> = { readonly [M in keyof S["method"]]: Need };

const TASKS: Needs<typeof TaskService> = {
  createTask: "submit",
  batchCreateTasks: "submit",
  retryTask: "submit",
  cancelTask: "submit",
  cancelTasks: "submit",
  getTask: "read",
  listTasks: "read",
  listChunks: "read",
  watchTask: "read",
  watchTasks: "read",
};
const MONITOR: Needs<typeof MonitorService> = {
  getHealth: "nothing",
  getStats: "read",
  watchStats: "read",
  getHistory: "operate",
  getDoctor: "operate",
};
const WORKFLOWS: Needs<typeof WorkflowService> = { listWorkflows: "read", getWorkflow: "read" };
const UPLOADS: Needs<typeof UploadService> = { upload: "submit" };
const DELIVERIES: Needs<typeof DeliveryService> = {
  listDeliveries: "read",
  redeliverDelivery: "submit",
};
const KEYS: Needs<typeof KeyService> = {
  createKey: "admin",
  listKeys: "admin",
  revokeKey: "admin",
};
const AUDIT: Needs<typeof AuditService> = { listAudit: "admin" };
const HEALTH: Needs<typeof Health> = { check: "nothing", list: "nothing", watch: "nothing" };
const REFLECTION: Needs<typeof ServerReflection> = { serverReflectionInfo: "docs" };
const ALPHA_REFLECTION: Needs<typeof AlphaServerReflection> = { serverReflectionInfo: "docs" };

const SERVICES: readonly (readonly [DescService, Readonly<Record<string, Need>>])[] = [
  [TaskService, TASKS],
  [MonitorService, MONITOR],
  [WorkflowService, WORKFLOWS],
  [UploadService, UPLOADS],
  [DeliveryService, DELIVERIES],
  [KeyService, KEYS],
  [AuditService, AUDIT],
  [Health, HEALTH],
  [ServerReflection, REFLECTION],
  [AlphaServerReflection, ALPHA_REFLECTION],
];

/** By the path of gRPC and Connect, e.g. `/tmlsr.v1.TaskService/GetTask`. */
const RPCS: ReadonlyMap<string, Need> = new Map(
  SERVICES.flatMap(([service, needs]) =>
    service.methods.map((method) => [pathOf(method), needs[method.localName] ?? "admin"] as const),
  ),
);

/** The routes that are no RPCs, by their pattern. */
const ROUTES: ReadonlyMap<string, Need> = new Map<string, Need>([
  ["/ready", "nothing"],
  ["/", "page"],
  ["/dashboard", "page"],
  ["/docs", "docs"],
  ["/openapi.json", "docs"],
  ["/metrics", "metrics"],
  ["/uploads", "submit"],
  ["/outputs/:taskId/*", "read"],
  ["/tasks/:taskId/input", "read"],
  ["/tasks/:taskId/preview/input", "read"],
  ["/tasks/:taskId/preview/output", "read"],
  ["/tasks/:taskId/preview.m3u8", "read"],
  ["/tasks/:taskId/preview/hls/:name", "read"],
]);

/** What an RPC needs, by whichever protocol it is called. */
export function needOfMethod(method: DescMethod): Need | undefined {
  return RPCS.get(pathOf(method));
}

/** What a route needs, that of an RPC over gRPC or Connect too. Undefined: it has no entry. */
export function needOfRoute(pattern: string): Need | undefined {
  if (pattern.startsWith("/dashboard/assets/")) return "page";
  return RPCS.get(pattern) ?? ROUTES.get(pattern.length > 1 ? pattern.replace(/\/$/, "") : "/");
}

/** The scope that a need comes to; undefined: none. */
export function scopeOf(need: Need, open: ReadonlySet<OpenPart>): Scope | undefined {
  if (need === "nothing") return undefined;
  if (need !== "docs" && need !== "page" && need !== "metrics") return need;
  return open.has(need) ? undefined : SCOPE_OF_PART[need];
}

function pathOf({ parent, name }: DescMethod): string {
  return `/${parent.typeName}/${name}`;
}
