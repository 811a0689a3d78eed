import type { Task } from "../../client/gen/tmlsr/v1/task_pb.js";
import type { Clients } from "../clients.js";

/** A change that the service tells; the first of a stream only says where it begins. */
export interface TaskChange {
  readonly task: Task | undefined;
  /** The task was deleted. */
  readonly isGone: boolean;
  /** From where to go on. */
  readonly cursor: string;
}

/** Streams every change of every task from a cursor on; from now on where it is empty. */
export type TaskSource = (cursor: string, signal: AbortSignal) => AsyncIterable<TaskChange>;

const BEGIN_LIMIT_MS = 10_000;

/** The service's stream. What is there already is read page by page, as far as it is looked at. */
export function createTaskSource(clients: Clients): TaskSource {
  return async function* watch(cursor, signal) {
    const from = cursor || (await presentCursor(clients, signal));
    yield { task: undefined, isGone: false, cursor: from };
    const news = clients.tasks.watchTasks({ cursor: from }, { signal, timeoutMs: 0 });
    for await (const { task, gone, cursor: next } of news)
      yield { task, isGone: gone, cursor: next };
  };
}

/** The cursor of this moment: what a stream about one task begins with. Empty where there are no tasks. */
async function presentCursor({ tasks }: Clients, signal: AbortSignal): Promise<string> {
  const { tasks: newest } = await tasks.listTasks({ pageSize: 1 }, { signal });
  const id = newest.map(({ taskId }) => taskId);
  if (id.length === 0) return "";
  const options = { signal, timeoutMs: BEGIN_LIMIT_MS };
  for await (const { cursor } of tasks.watchTasks({ id }, options)) return cursor;
  throw new TypeError("The stream says nothing of a task that is there");
}
