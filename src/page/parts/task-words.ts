import {
  type Stage,
  StageName,
  StageStatus,
  type Task,
  TaskStatus,
  type TaskType,
  TaskType as Type,
} from "../../client/gen/tmlsr/v1/task_pb.js";
import { millis } from "../texts/format.js";
import { nameOfUrl } from "./name-of-url.js";

const STAGES = {
  [StageName.UNSPECIFIED]: "unspecified",
  [StageName.DOWNLOAD]: "download",
  [StageName.PROCESS]: "process",
  [StageName.UPLOAD]: "upload",
} as const;

/** The word of a stage, as the API has it. */
export function stageWord(name: StageName): (typeof STAGES)[StageName] {
  return STAGES[name];
}

/** The word of a type, as the API has it. */
export function typeWord(type: TaskType): "image" | "video" {
  return type === Type.VIDEO ? "video" : "image";
}

/** What people call a task: the name of its input's file. */
export function taskName({ params, taskId }: Task): string {
  return params === undefined ? taskId : nameOfUrl(params.url);
}

/** The stage that runs, if one does. */
export function runningStage({ stages }: Task): Stage | undefined {
  return stages.find(({ status }) => status === StageStatus.RUNNING);
}

/** Seconds from submitting to the end, or to now while the task has not ended. */
export function tookSeconds(task: Task, nowMs: number): number {
  const isOpen = task.status === TaskStatus.PENDING || task.status === TaskStatus.PROCESSING;
  const endMs = isOpen ? nowMs : millis(task.updatedAt);
  return Math.max(0, (endMs - millis(task.createdAt)) / 1000);
}
