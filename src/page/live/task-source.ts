import type { Task } from "../../gen/tmlsr/v1/task_pb.js";
import type { Clients } from "../clients.js";

/** A change that the service tells. */
export interface TaskChange {
  readonly task: Task;
  /** The task has left what is watched. */
  readonly isGone: boolean;
  /** From where to go on. */
  readonly cursor: string;
}

/** Streams the tasks that have not ended: what is there, then every change. */
export type TaskSource = (cursor: string, signal: AbortSignal) => AsyncIterable<TaskChange>;

/** The service's stream. */
export function createTaskSource({ monitor }: Clients): TaskSource {
  return async function* watch(_cursor, signal) {
    for await (const { stats } of monitor.watchStats({}, { signal, timeoutMs: 0 }))
      for (const task of stats?.tasks ?? []) yield { task, isGone: false, cursor: "" };
  };
}
