import {
  StageName,
  StageStatus,
  type Task,
  TaskStatus,
} from "../../client/gen/tmlsr/v1/task_pb.js";

/** The widths that the service makes previews in, in pixels. */
export type PreviewWidth = 320 | 640 | 1280 | 1920;
export type Side = "input" | "output";

/** A WebP of the input or the result; of a film, one frame. */
export function previewUrl(task: Task, side: Side, width: PreviewWidth): string {
  return `/tasks/${task.taskId}/preview/${side}?w=${width}`;
}

/** Where the whole input can be shown from: only what was uploaded is served here. */
export function inputUrl({ taskId, params }: Task): string | undefined {
  return params?.url.startsWith("upload://") ? `/tasks/${taskId}/input` : undefined;
}

/** Which preview a task has by now; undefined before the input was fetched. */
export function newestSide({ status, stages }: Task): Side | undefined {
  if (status === TaskStatus.COMPLETED) return "output";
  const isFetched = stages.some(
    (stage) => stage.name === StageName.DOWNLOAD && stage.status === StageStatus.SUCCESS,
  );
  return isFetched ? "input" : undefined;
}
