import { TASK_STATUSES, type Task } from "../../../domain/task.js";
import { defined } from "../../../lib/defined.js";
import { isDeleted } from "../../task-following.js";
import { taskPages } from "../../task-pages.js";
import type { TaskStore } from "../../task-store.js";
import type { Presented } from "./watch-cursor.js";
import { isWatched, shows, type WatchedTasks } from "./watched-tasks.js";

/** A task that is there, and up to where all is told with it. */
export type PresentedTask = readonly [task: Task, to: Presented];

/** Above every task id. */
const TOP_ID = "f".repeat(32);

/**
 * The tasks that are there, of one status after the other, the newest first. They are read as fast as the
 * reader takes them.
 *
 * @param from goes on behind it. @default the beginning
 */
export function presentTasks(
  store: Pick<TaskStore, "list" | "follow">,
  watched: WatchedTasks,
  from: Presented = { statusIndex: 0, belowId: TOP_ID },
): AsyncGenerator<PresentedTask, void> {
  return watched.ids ? presentNamed(store, watched, from) : presentListed(store, watched, from);
}

async function* presentNamed(
  store: Pick<TaskStore, "follow">,
  watched: WatchedTasks,
  { belowId }: Presented,
): AsyncGenerator<PresentedTask, void> {
  for (const task of await namedTasks(store, watched, belowId))
    yield [task, { statusIndex: 0, belowId: task.taskId }];
}

async function* presentListed(
  store: Pick<TaskStore, "list">,
  { statuses, labels, tenant }: WatchedTasks,
  from: Presented,
): AsyncGenerator<PresentedTask, void> {
  const asked = statuses ? TASK_STATUSES.filter((each) => statuses.has(each)) : [undefined];
  for (const [statusIndex, status] of [...asked.entries()].slice(from.statusIndex)) {
    // The id of the last task of a page is the token of the next page.
    const pageToken = statusIndex === from.statusIndex ? from.belowId : TOP_ID;
    const pageSize = Number.POSITIVE_INFINITY;
    const request = { pageSize, pageToken, ...defined({ status, labels, tenant }) };
    for await (const { tasks } of taskPages(store, request))
      for (const task of tasks) yield [task, { statusIndex, belowId: task.taskId }];
  }
}

async function namedTasks(
  store: Pick<TaskStore, "follow">,
  watched: WatchedTasks,
  belowId: string,
): Promise<readonly Task[]> {
  const found = await store.follow([...(watched.ids ?? [])]);
  return found
    .filter((one): one is Task => !isDeleted(one))
    .filter((task) => isWatched(watched, task) && shows(watched, task.status))
    .filter(({ taskId }) => taskId < belowId)
    .sort((a, b) => (a.taskId < b.taskId ? 1 : -1));
}
