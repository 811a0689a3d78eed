import type { SlotRequest } from "../../pool/pool.js";
import type { PoolServer } from "../../pool/server/pool-server.js";
import type { Workflow } from "../../workflow/workflow.js";
import type { HeldTask } from "../lease/held-task.js";

/** What the pool is asked for a task that has its input: how often and for how long it was passed over goes on. */
export function slotRequest(
  holder: HeldTask,
  workflow: Workflow,
  suits: (server: PoolServer) => boolean,
): SlotRequest {
  const { parameters, priority, dueAt, turnAt, bypassCount, firstBypassedAt } = holder.task;
  return {
    ...{ holder, workflow, suits, parameters, priority, dueAt, turnAt, bypassCount },
    ...(firstBypassedAt && {
      bypassedForMs: holder.leasedAt.getTime() - firstBypassedAt.getTime(),
    }),
  };
}
