import { TaskError } from "../domain/errors.js";
import type { ChunkTask, Task } from "../domain/task.js";
import { defined } from "../lib/defined.js";
import { perObject } from "../lib/per-object.js";
import type { StatsView } from "./monitor-service.js";
import type { TaskView } from "./task-view.js";
import type { WorkflowView } from "./workflow-service.js";

/** A task without the servers that ran it. The same object for the same task. */
const hideTask: <T extends Task>(task: T) => T = perObject((task: Task) => {
  const { dispatch, slot, error, film, ...rest } = task;
  const attempts = task.attempts.map(({ server, ...attempt }) => attempt);
  const hidden = { ...rest, attempts, ...(film && { film: { ...film, server: null } }) };
  if (error === undefined) return hidden;
  return { ...hidden, error: { ...error, message: withoutNames(error.message) } };
}) as <T extends Task>(task: T) => T;

/** A refusal that names no server. */
export function hideInError(error: unknown): unknown {
  if (!(error instanceof TaskError)) return error;
  const { code, message, violations, retryAfterMs } = error;
  const more = { cause: error, violations, ...defined({ retryAfterMs }) };
  return new TaskError(code, withoutNames(message), more);
}

/** What is wrong, without where: every text that names a server says `server "..."`. */
function withoutNames(message: string): string {
  return message.replace(/\b(s)erver "[^"]*"/gi, (_, s) => (s === "S" ? "A server" : "a server"));
}

/** A view of a task without the servers that ran it. */
export const hideInView = perObject(
  (view: TaskView): TaskView => ({ ...view, task: hideTask(view.task) }),
);

/** A chunk without the servers that ran it. */
export function hideInChunk(chunk: ChunkTask): ChunkTask {
  return hideTask(chunk);
}

/** The stats with no more of the servers than how many there are and how they are. */
export const hideInStats = perObject((stats: StatsView): StatsView => {
  const servers = stats.servers.map(({ status, state, queueDepth }) => ({
    ...{ address: "", status, state, queueDepth, taskIds: [], devices: [] },
    ...{ workflows: [], missing: [], workflowQuarantines: [] },
  }));
  return { ...stats, servers, tasks: stats.tasks.map(hideInView) };
});

/** A workflow without the servers that can run it. */
export function hideInWorkflow(view: WorkflowView): WorkflowView {
  return { ...view, servers: [] };
}
