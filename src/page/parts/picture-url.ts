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
  return linkTo(task, `preview/${side}`, `w=${width}`);
}

/** Where a film can be watched while it renders. */
export function playlistUrl(task: Task): string {
  return linkTo(task, "preview.m3u8");
}

/** Where the whole input can be shown from: only what was uploaded is served here. */
export function inputUrl(task: Task): string | undefined {
  return task.params?.url.startsWith("upload://") ? linkTo(task, "input") : undefined;
}

/** What a browser loads by itself gets no key, but a signed link, where there is one. */
function linkTo({ taskId, linkQuery = "" }: Task, path: string, query = ""): string {
  const whole = [query, linkQuery].filter((part) => part !== "").join("&");
  return `/tasks/${taskId}/${path}${whole === "" ? "" : `?${whole}`}`;
}

/** Which preview a task has by now; undefined before the input was fetched. */
export function newestSide({ status, stages }: Task): Side | undefined {
  if (status === TaskStatus.COMPLETED) return "output";
  const isFetched = stages.some(
    (stage) => stage.name === StageName.DOWNLOAD && stage.status === StageStatus.SUCCESS,
  );
  return isFetched ? "input" : undefined;
}
