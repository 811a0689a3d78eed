import { TaskError } from "../../domain/errors.js";
import type { Task } from "../../domain/task.js";
import type { TaskPage } from "../task-reading.js";
import { TASK_ID } from "./task-ids.js";

/** Greater than every task id. */
const ABOVE_ALL_IDS = "g";

/**
 * The id below which a page begins, since newer tasks come first. @throws TaskError INVALID_REQUEST
 * for a malformed token
 */
export function pageStart(pageToken: string | undefined): string {
  if (pageToken === undefined) return ABOVE_ALL_IDS;
  if (TASK_ID.test(pageToken)) return pageToken;
  const message = "Cannot list: the page token is not one of ours";
  throw new TaskError("INVALID_REQUEST", message);
}

/** @param found the page's tasks, and one more where there is a next page. */
export function toPage(found: readonly Task[], pageSize: number): TaskPage {
  const tasks = found.slice(0, pageSize);
  const last = tasks.at(-1);
  return { tasks, ...(last && found.length > pageSize && { nextPageToken: last.taskId }) };
}
