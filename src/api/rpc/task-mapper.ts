import {
  fromJson,
  type JsonObject,
  type JsonValue,
  type MessageInitShape,
} from "@bufbuild/protobuf";
import { type Timestamp, type Value, ValueSchema } from "@bufbuild/protobuf/wkt";
import type { FilmState } from "../../domain/film.js";
import type * as domain from "../../domain/task.js";
import type { ChunkTask } from "../../domain/task.js";
import { STAGE_NAMES } from "../../domain/task.js";
import type { Webhook } from "../../domain/webhook.js";
import {
  type Attempt,
  type ChunkCounts,
  type Input,
  type Output,
  type Stage,
  StageName,
  StageStatus,
  type Task,
  type TaskParams,
  TaskStatus,
  TaskType,
  type TaskWebhook,
} from "../../gen/tmlsr/v1/task_pb.js";
import type { Chunk, WatchTasksResponseSchema } from "../../gen/tmlsr/v1/task_service_pb.js";
import type { NewsView } from "../../service/task-service.js";
import type { TaskView } from "../../service/task-view.js";
import { hideSecretsOfUrls, hideUrlSecrets, withoutUrlSecrets } from "./hide-url-secrets.js";

// Messages are written out whole: to have them made from a part takes longer than all else that is done with a task.

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
export function toListedTask(view: TaskView): Task {
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
export function toProtoTask({ task, outputUrls, previewUrl, linkQuery }: TaskView): Task {
  const outputs = (task.outputs ?? []).map((output, index) => toOutput(output, outputUrls[index]));
  return {
    $typeName: "tmlsr.v1.Task",
    taskId: task.taskId,
    status: TASK_STATUS[task.status],
    type: TASK_TYPE[task.type],
    priority: task.priority,
    createdAt: toTimestamp(task.createdAt),
    updatedAt: toTimestamp(task.updatedAt),
    notBefore: task.notBefore && toTimestamp(task.notBefore),
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
function toWebhook({ url, events, isDefault }: Webhook): TaskWebhook | undefined {
  if (isDefault) return undefined;
  return { $typeName: "tmlsr.v1.TaskWebhook", url: withoutUrlSecrets(url), events: [...events] };
}

/** A chunk of a film. @param index its place among them. */
export function toProtoChunk(task: ChunkTask, index: number): Chunk {
  const { chunk, status, attempts } = task;
  return {
    $typeName: "tmlsr.v1.Chunk",
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
  return { task: { taskId, status: TASK_STATUS[status], labels: { ...labels } }, gone, cursor };
}

/** A JSON value as google.protobuf.Value. Undefined stays undefined. */
export function toProtoValue(json: domain.Json | undefined): Value | undefined {
  return json === undefined ? undefined : fromJson(ValueSchema, json as JsonValue);
}

function toChunkCounts(film: FilmState): ChunkCounts {
  const { chunkCount, completedCount, runningCount, failedCount } = film;
  return {
    $typeName: "tmlsr.v1.ChunkCounts",
    total: chunkCount,
    completed: completedCount,
    running: runningCount,
    failed: failedCount,
  };
}

function toStages(stages: domain.Task["stages"]): Stage[] {
  return STAGE_NAMES.flatMap((name) => {
    const stage = stages[name];
    if (stage === undefined) return [];
    const { status, detail, progress, durationMs } = stage;
    return [
      {
        $typeName: "tmlsr.v1.Stage",
        name: STAGE_NAME[name],
        status: STAGE_STATUS[status],
        detail,
        progress,
        duration: twoDecimals(durationMs / 1000),
      },
    ];
  });
}

function toOutput(
  { sizeBytes, mediaType, fileName }: domain.Output,
  url: TaskView["outputUrls"][number] | undefined,
): Output {
  return {
    $typeName: "tmlsr.v1.Output",
    url: url?.url ?? "",
    urlExpiresAt: url?.expiresAt && toTimestamp(url.expiresAt),
    sizeMb: twoDecimals(sizeBytes / 2 ** 20),
    sizeBytes: BigInt(sizeBytes),
    mediaType,
    fileName,
  };
}

function toParams(params: domain.TaskParams): TaskParams {
  return {
    $typeName: "tmlsr.v1.TaskParams",
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

function toAttempt(attempt: domain.Attempt): Attempt {
  return {
    $typeName: "tmlsr.v1.Attempt",
    attempt: attempt.attempt,
    server: attempt.server,
    startedAt: toTimestamp(attempt.startedAt),
    endedAt: attempt.endedAt && toTimestamp(attempt.endedAt),
    reason: attempt.reason,
  };
}

function toInput({
  mediaType,
  sizeBytes,
  width,
  height,
  durationSeconds,
  fps,
}: domain.InputFacts): Input {
  return {
    $typeName: "tmlsr.v1.Input",
    mediaType,
    sizeBytes: BigInt(sizeBytes),
    ...{ width, height, duration: durationSeconds, fps },
  };
}

function toTimestamp(date: Date): Timestamp {
  const ms = date.getTime();
  const seconds = Math.floor(ms / 1000);
  const nanos = (ms - seconds * 1000) * 1_000_000;
  return { $typeName: "google.protobuf.Timestamp", seconds: BigInt(seconds), nanos };
}

/** An ended task has no dispatch, so its server is read from its attempts. */
function serverOf({ dispatch, attempts }: domain.Task): string | undefined {
  return dispatch?.server ?? attempts.findLast(({ server }) => server !== undefined)?.server;
}

function twoDecimals(value: number): number {
  return Math.round(value * 100) / 100;
}
