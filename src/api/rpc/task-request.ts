import type { JsonObject } from "@bufbuild/protobuf";
import { type Timestamp, timestampDate, type Value } from "@bufbuild/protobuf/wkt";
import { TaskError, type Violation } from "../../domain/errors.js";
import type { Label, TaskParams, TaskStatus, TaskType } from "../../domain/task.js";
import { TASK_EVENTS } from "../../domain/webhook.js";
import * as pb from "../../gen/tmlsr/v1/task_pb.js";
import {
  Chunking,
  type CreateTaskRequest,
  type WatchTasksRequest,
  type Webhook,
} from "../../gen/tmlsr/v1/task_service_pb.js";
import { defined } from "../../lib/defined.js";
import type { CreateTask } from "../../service/create-task.js";
import type { WatchedTasks } from "../../service/task-service.js";
import { invalidRequest } from "../calls/invalid-request.js";

const MAX_KEY_LENGTH = 255;

/**
 * Converts a request for a task. Empty names count as left out.
 *
 * @param keyHeader the header `Idempotency-Key`, for requests without the field.
 * @throws TaskError INVALID_REQUEST for violations that the proto's rules cannot express.
 */
export function toCreateTask(request: CreateTaskRequest, keyHeader: string | null): CreateTask {
  const violations: Violation[] = [];
  const idempotencyKey = request.idempotencyKey ?? keyHeader ?? undefined;
  if (idempotencyKey !== undefined && !isKey(idempotencyKey))
    violations.push({ field: "idempotency_key", message: KEY_RULE });
  const created: CreateTask = defined({
    params: toParams(request, violations),
    parameters: request.parameters as JsonObject | undefined,
    priority: request.priority,
    notBefore: toDate(request.notBefore, violations),
    idempotencyKey,
    labels: Object.keys(request.labels).length > 0 ? request.labels : undefined,
    chunking: request.chunking === Chunking.OFF ? ("off" as const) : undefined,
    webhook: request.webhook && toWebhook(request.webhook),
  });
  if (violations.length > 0) throw invalidRequest(violations);
  return created;
}

/**
 * Converts requests for several tasks.
 *
 * @param key covers each of them that has none of its own, by its index.
 * @throws TaskError INVALID_REQUEST, with the violations of all.
 */
export function toCreateTasks(
  requests: readonly CreateTaskRequest[],
  key: string | null,
): readonly CreateTask[] {
  const violations: Violation[] = [];
  if (key !== null && !isKey(key)) violations.push({ field: "idempotency_key", message: KEY_RULE });
  const created = requests.flatMap((request, index) => {
    try {
      const task = toCreateTask(request, null);
      const own = task.idempotencyKey ?? (key === null ? undefined : `${key}\u0000${index}`);
      return [{ ...task, ...defined({ idempotencyKey: own }) }];
    } catch (error) {
      if (!(error instanceof TaskError)) throw error;
      for (const { field, message } of error.violations)
        violations.push({ field: `tasks[${index}].${field}`, message });
      return [];
    }
  });
  if (violations.length > 0) throw invalidRequest(violations);
  return created;
}

/** Undefined if the status is not given. */
export function toTaskStatus(status: pb.TaskStatus): TaskStatus | undefined {
  switch (status) {
    case pb.TaskStatus.PENDING:
      return "pending";
    case pb.TaskStatus.PROCESSING:
      return "processing";
    case pb.TaskStatus.COMPLETED:
      return "completed";
    case pb.TaskStatus.FAILED:
      return "failed";
    case pb.TaskStatus.CANCELED:
      return "canceled";
    case pb.TaskStatus.UNSPECIFIED:
      return undefined;
  }
}

/** Reads a filter `key:value`. */
export function toLabel(filter: string): Label {
  const at = filter.indexOf(":");
  return [filter.slice(0, at), filter.slice(at + 1)];
}

/** Which tasks a stream is about. */
export function toWatchedTasks({ status, label, id }: WatchTasksRequest): WatchedTasks {
  const statuses = status.flatMap((one) => toTaskStatus(one) ?? []);
  return defined({
    statuses: statuses.length > 0 ? new Set(statuses) : undefined,
    labels: label.length > 0 ? label.map(toLabel) : undefined,
    ids: id.length > 0 ? new Set(id) : undefined,
  });
}

/** The proto's rules let only known events pass. No events count as left out. */
function toWebhook({ url, events: asked }: Webhook): NonNullable<CreateTask["webhook"]> {
  const events = TASK_EVENTS.filter((event) => asked.includes(event));
  return { url, ...(events.length > 0 && { events }) };
}

const KEY_RULE = `idempotency_key must have 1 to ${MAX_KEY_LENGTH} characters`;

function isKey(key: string): boolean {
  return key.length > 0 && key.length <= MAX_KEY_LENGTH;
}

function toParams(request: CreateTaskRequest, violations: Violation[]): TaskParams {
  const old = (field: string, value: Value | undefined) => toNumberOrText(field, value, violations);
  return {
    url: request.url,
    ...defined({
      type: toTaskType(request.type),
      workflow: request.workflow || undefined,
      model: request.model || undefined,
      outscale: old("outscale", request.outscale),
      outputMagnification: old("output_magnification", request.outputMagnification),
      resolution: old("resolution", request.resolution),
      target: old("target", request.target),
    }),
  };
}

function toTaskType(type: pb.TaskType | undefined): TaskType | undefined {
  if (type === pb.TaskType.IMAGE) return "image";
  return type === pb.TaskType.VIDEO ? "video" : undefined;
}

/** Null counts as left out. Protobuf can send numbers that JSON does not have. */
function toNumberOrText(
  field: string,
  value: Value | undefined,
  violations: Violation[],
): number | string | undefined {
  const { kind } = value ?? {};
  if (kind === undefined || kind.case === "nullValue") return undefined;
  if (kind.case === "stringValue") return kind.value;
  if (kind.case === "numberValue" && Number.isFinite(kind.value)) return kind.value;
  violations.push({ field, message: `${field} must be a number or a string` });
  return undefined;
}

function toDate(time: Timestamp | undefined, violations: Violation[]): Date | undefined {
  if (time === undefined) return undefined;
  const date = timestampDate(time);
  if (Number.isNaN(date.getTime()))
    violations.push({ field: "not_before", message: "not_before must be a time" });
  return date;
}
