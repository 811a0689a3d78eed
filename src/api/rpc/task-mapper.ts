import {
  fromJson,
  type JsonObject,
  type JsonValue,
  type MessageInitShape,
} from "@bufbuild/protobuf";
import { timestampFromDate, type Value, ValueSchema } from "@bufbuild/protobuf/wkt";
import type { FilmState } from "../../domain/film.js";
import type * as domain from "../../domain/task.js";
import type { ChunkTask } from "../../domain/task.js";
import { STAGE_NAMES } from "../../domain/task.js";
import type { Webhook } from "../../domain/webhook.js";
import {
  type AttemptSchema,
  type ChunkCountsSchema,
  type InputSchema,
  type OutputSchema,
  StageName,
  type StageSchema,
  StageStatus,
  type TaskParamsSchema,
  type TaskSchema,
  TaskStatus,
  TaskType,
  type TaskWebhookSchema,
} from "../../gen/tmlsr/v1/task_pb.js";
import type { ChunkSchema, WatchTasksResponseSchema } from "../../gen/tmlsr/v1/task_service_pb.js";
import type { NewsView } from "../../service/task-service.js";
import type { TaskView } from "../../service/task-view.js";
import { hideSecretsOfUrls, hideUrlSecrets, withoutUrlSecrets } from "./hide-url-secrets.js";

const TASK_STATUS: Readonly<Record<domain.TaskStatus, TaskStatus>> = {
  pending: TaskStatus.PENDING,
  processing: TaskStatus.PROCESSING,
  completed: TaskStatus.COMPLETED,
  failed: TaskStatus.FAILED,
  canceled: TaskStatus.CANCELED,
};

export const TASK_TYPE: Readonly<Record<domain.TaskType, TaskType>> = {
  image: TaskType.IMAGE,
  video: TaskType.VIDEO,
};

const STAGE_NAME: Readonly<Record<domain.StageName, StageName>> = {
  download: StageName.DOWNLOAD,
  process: StageName.PROCESS,
  upload: StageName.UPLOAD,
};

const STAGE_STATUS: Readonly<Record<domain.StageStatus, StageStatus>> = {
  running: StageStatus.RUNNING,
  success: StageStatus.SUCCESS,
  failed: StageStatus.FAILED,
  canceled: StageStatus.CANCELED,
};

/**
 * A task in a list. Its readers may not be allowed to know the secrets in its input's URL, so they
 * are removed.
 */
export function toListedTask(view: TaskView): MessageInitShape<typeof TaskSchema> {
  const { params } = view.task;
  return toProtoTask({
    ...view,
    task: { ...view.task, params: { ...params, url: hideUrlSecrets(params.url) } },
  });
}

/**
 * A task as a client that knows its id sees it. The request is shown as it was sent; possible
 * secrets in error texts are removed.
 */
export function toProtoTask({
  task,
  outputUrls,
  previewUrl,
  linkQuery,
}: TaskView): MessageInitShape<typeof TaskSchema> {
  const outputs = (task.outputs ?? []).map((output, index) => toOutput(output, outputUrls[index]));
  return {
    taskId: task.taskId,
    status: TASK_STATUS[task.status],
    type: TASK_TYPE[task.type],
    priority: task.priority,
    createdAt: timestampFromDate(task.createdAt),
    updatedAt: timestampFromDate(task.updatedAt),
    notBefore: task.notBefore && timestampFromDate(task.notBefore),
    stages: toStages(task.stages),
    progress: task.progress,
    runningNode: task.runningNode,
    output: outputs[0],
    outputs,
    error: task.error && hideSecretsOfUrls(task.error.message),
    errorCode: task.error?.code,
    params: toParams(task.params),
    workflow: task.workflow,
    workflowVersion: task.workflowVersion,
    variant: task.variant,
    parameters: task.parameters as JsonObject,
    server: serverOf(task),
    attempts: task.attempts.map(toAttempt),
    retries: task.attempt - 1,
    input: task.input && toInput(task.input),
    labels: { ...task.labels },
    retryOf: task.retryOf,
    notes: [...(task.notes ?? [])],
    chunks: task.film && toChunkCounts(task.film),
    previewUrl,
    linkQuery,
    webhook: task.webhook && toWebhook(task.webhook),
  };
}

/** Who is told, where the request named it. What the configuration names is no client's to know. */
function toWebhook({
  url,
  events,
  isDefault,
}: Webhook): MessageInitShape<typeof TaskWebhookSchema> | undefined {
  return isDefault ? undefined : { url: withoutUrlSecrets(url), events: [...events] };
}

/** A chunk of a film. @param index its place among them. */
export function toProtoChunk(task: ChunkTask, index: number): MessageInitShape<typeof ChunkSchema> {
  const { chunk, status, attempts } = task;
  return {
    index,
    firstFrame: chunk.firstFrame,
    frames: chunk.frameCount,
    start: chunk.startSeconds,
    status: TASK_STATUS[status],
    server: serverOf(task),
    attempts: attempts.map(toAttempt),
  };
}

/** News of one of many tasks. Its readers may not be allowed to know the secrets in input URLs. */
export function toProtoNews(news: NewsView): MessageInitShape<typeof WatchTasksResponseSchema> {
  const { gone, cursor } = news;
  if ("view" in news) return { task: toListedTask(news.view), gone, cursor };
  const { taskId, status, labels } = news.deleted;
  const task = { taskId, status: TASK_STATUS[status], labels: { ...labels } };
  return { task, gone, cursor };
}

/** A JSON value as google.protobuf.Value. Undefined stays undefined. */
export function toProtoValue(json: domain.Json | undefined): Value | undefined {
  return json === undefined ? undefined : fromJson(ValueSchema, json as JsonValue);
}

function toChunkCounts(film: FilmState): MessageInitShape<typeof ChunkCountsSchema> {
  const { chunkCount, completedCount, runningCount, failedCount } = film;
  return {
    total: chunkCount,
    completed: completedCount,
    running: runningCount,
    failed: failedCount,
  };
}

function toStages(stages: domain.Task["stages"]): MessageInitShape<typeof StageSchema>[] {
  return STAGE_NAMES.flatMap((name) => {
    const stage = stages[name];
    if (stage === undefined) return [];
    const { status, detail, progress, durationMs } = stage;
    const duration = twoDecimals(durationMs / 1000);
    return [{ name: STAGE_NAME[name], status: STAGE_STATUS[status], detail, progress, duration }];
  });
}

function toOutput(
  { sizeBytes, mediaType, fileName }: domain.Output,
  url: TaskView["outputUrls"][number] | undefined,
): MessageInitShape<typeof OutputSchema> {
  return {
    url: url?.url ?? "",
    urlExpiresAt: url?.expiresAt && timestampFromDate(url.expiresAt),
    sizeMb: twoDecimals(sizeBytes / 2 ** 20),
    sizeBytes: BigInt(sizeBytes),
    mediaType,
    fileName,
  };
}

function toParams(params: domain.TaskParams): MessageInitShape<typeof TaskParamsSchema> {
  return {
    url: params.url,
    type: params.type && TASK_TYPE[params.type],
    workflow: params.workflow,
    model: params.model,
    outscale: toProtoValue(params.outscale),
    outputMagnification: toProtoValue(params.outputMagnification),
    resolution: toProtoValue(params.resolution),
    target: toProtoValue(params.target),
  };
}

function toAttempt(attempt: domain.Attempt): MessageInitShape<typeof AttemptSchema> {
  return {
    attempt: attempt.attempt,
    server: attempt.server,
    startedAt: timestampFromDate(attempt.startedAt),
    endedAt: attempt.endedAt && timestampFromDate(attempt.endedAt),
    reason: attempt.reason,
  };
}

function toInput(input: domain.InputFacts): MessageInitShape<typeof InputSchema> {
  const { mediaType, sizeBytes, width, height, durationSeconds, fps } = input;
  return { mediaType, sizeBytes: BigInt(sizeBytes), width, height, duration: durationSeconds, fps };
}

/** An ended task has no dispatch, so its server is read from its attempts. */
function serverOf({ dispatch, attempts }: domain.Task): string | undefined {
  return dispatch?.server ?? attempts.findLast(({ server }) => server !== undefined)?.server;
}

function twoDecimals(value: number): number {
  return Math.round(value * 100) / 100;
}
