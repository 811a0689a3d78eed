import type { ChunkTask, Task } from "../domain/task.js";
import { perObject } from "../lib/per-object.js";
import type { StatsView } from "./monitor-service.js";
import type { TaskView } from "./task-view.js";
import type { WorkflowView } from "./workflow-service.js";

/** A task without the servers that ran it. The same object for the same task. */
const hideTask: <T extends Task>(task: T) => T = perObject((task: Task) => {
  const { dispatch, slot, ...rest } = task;
  return { ...rest, attempts: task.attempts.map(({ server, ...attempt }) => attempt) };
}) as <T extends Task>(task: T) => T;

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
