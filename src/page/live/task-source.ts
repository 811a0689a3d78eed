import { type Task, TaskStatus } from "../../gen/tmlsr/v1/task_pb.js";
import type { Clients } from "../clients.js";

/** A change that the service tells. */
export interface TaskChange {
  readonly task: Task;
  /** The task has ended, or was deleted. */
  readonly isGone: boolean;
  /** From where to go on. */
  readonly cursor: string;
}

/** Streams the tasks that have not ended: what is there, then every change. */
export type TaskSource = (cursor: string, signal: AbortSignal) => AsyncIterable<TaskChange>;

const OPEN = [TaskStatus.PENDING, TaskStatus.PROCESSING];

/** The service's stream. What has ended never changes, so that only open tasks are watched. */
export function createTaskSource({ tasks }: Clients): TaskSource {
  return async function* watch(cursor, signal) {
    const news = tasks.watchTasks({ status: OPEN, cursor }, { signal, timeoutMs: 0 });
    for await (const { task, gone, cursor: next } of news)
      if (task !== undefined) yield { task, isGone: gone, cursor: next };
  };
}
