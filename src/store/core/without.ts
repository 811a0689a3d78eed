import type { Task } from "../../domain/task.js";

type OptionalField = { [K in keyof Task]-?: object extends Pick<Task, K> ? K : never }[keyof Task];

/** A task without some of its optional fields. */
export function without(task: Task, ...fields: readonly OptionalField[]): Task {
  const kept: { [K in keyof Task]?: Task[K] | undefined } = { ...task };
  for (const field of fields) delete kept[field];
  return kept as Task;
}
