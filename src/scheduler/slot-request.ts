import type { Task } from "../domain/task.js";
import type { SlotRequest, TaskFence } from "../pool/pool.js";
import type { Workflow } from "../workflow/workflow.js";

/** What the pool is asked for a task that has its input: how often and for how long it was passed over goes on. */
export function slotRequest(task: Task, fence: TaskFence, workflow: Workflow): SlotRequest {
  const { parameters, priority, dueAt, bypassCount, firstBypassedAt } = task;
  const leasedAt = task.attempts.at(-1)?.startedAt;
  return {
    ...{ fence, workflow, parameters, priority, dueAt, bypassCount },
    ...(firstBypassedAt &&
      leasedAt && { bypassedForMs: leasedAt.getTime() - firstBypassedAt.getTime() }),
  };
}
