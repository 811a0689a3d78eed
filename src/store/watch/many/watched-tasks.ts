import { isTerminal, type Label, type Labels, type TaskStatus } from "../../../domain/task.js";
import { tenantOf } from "../../../domain/tenant.js";
import { type FollowedTask, isDeleted } from "../../task-following.js";

/** Which tasks a stream is about. An absent field leaves all in. */
export interface WatchedTasks {
  /** Tasks in one of these. They come and go. */
  readonly statuses?: ReadonlySet<TaskStatus>;
  /** Tasks with all of these. */
  readonly labels?: readonly Label[];
  /** These. */
  readonly ids?: ReadonlySet<string>;
  /** Tasks of this tenant. */
  readonly tenant?: string;
}

/** Whether a task is among those of a stream whenever its status is. This never changes. */
export function isWatched(
  { labels = [], ids, tenant }: WatchedTasks,
  task: { readonly taskId: string; readonly labels?: Labels; readonly tenant?: string },
): boolean {
  if (tenant !== undefined && tenant !== tenantOf(task)) return false;
  if (ids && !ids.has(task.taskId)) return false;
  return labels.every(([key, value]) => task.labels?.[key] === value);
}

/** Whether a stream shows tasks in a status. */
export function shows({ statuses }: WatchedTasks, status: TaskStatus): boolean {
  return statuses === undefined || statuses.has(status);
}

/** Whether a stream may have shown a task that was there before. What has ended had not always. */
export function mayHaveShown({ statuses }: WatchedTasks, task: FollowedTask): boolean {
  if (statuses === undefined) return true;
  if (isDeleted(task)) return statuses.has(task.status) || [...statuses].some(isPassing);
  const hasRun = task.attempts.length > 0;
  return statuses.has("pending") || (hasRun && statuses.has("processing"));
}

function isPassing(status: TaskStatus): boolean {
  return !isTerminal(status);
}
