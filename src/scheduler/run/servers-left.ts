import { TaskError } from "../../domain/errors.js";
import { describeTried, hasMoreMemory, needsMoreMemory } from "../../domain/memory-order.js";
import type { Pool } from "../../pool/pool.js";
import type { PoolServer } from "../../pool/server/pool-server.js";
import { canRun } from "../../pool/server/server-fit.js";
import { graphNamed } from "../../workflow/variants.js";
import type { Workflow } from "../../workflow/workflow.js";
import type { HeldTask } from "../lease/held-task.js";
import type { RunState } from "./run-context.js";

/**
 * The servers that are left for a task that others will not do for, up or not. After a failure that
 * was not clear: any but the one it failed on. After prompts that ran out of memory: those that have
 * more than the ones it failed on. Servers that were never reached may do.
 *
 * @returns undefined where any server will do.
 */
export function serversLeft(
  heldTask: HeldTask,
  workflow: Workflow,
  pool: Pool,
): readonly PoolServer[] | undefined {
  const { memoryFailures, task } = heldTask;
  const { unclearFailure, parameters } = task;
  const isMemory = needsMoreMemory(memoryFailures, hasLowMemory(heldTask, workflow));
  if (!isMemory && unclearFailure === undefined) return undefined;
  const lacking = new Set(isMemory ? memoryFailures.map(({ server }) => server) : []);
  return pool.servers.filter((server) => {
    if (server.id === unclearFailure?.server || lacking.has(server.id)) return false;
    if (!server.isKnown) return true;
    const hasMemory = !isMemory || hasMoreMemory(server.memory, memoryFailures);
    return hasMemory && canRun(server, workflow, parameters);
  });
}

/** Whether another server than the one that a task failed on may run it too. */
export function hasSecondOpinion(run: RunState, workflow: Workflow, pool: Pool): boolean {
  const { task, serverId } = run.heldTask;
  if (task.unclearFailure !== undefined) return false;
  return pool.servers.some((other) => {
    const mayRun = !other.isKnown || canRun(other, workflow, task.parameters);
    return other.id !== serverId && mayRun && run.suits(other);
  });
}

/** Why a task waits no longer for the servers that are left for it. */
export function nothingLeft(
  heldTask: HeldTask,
  workflow: Workflow,
  left: readonly PoolServer[],
): TaskError {
  const { unclearFailure } = heldTask.task;
  if (unclearFailure === undefined) return outOfMemory(heldTask, workflow, left);
  const { code, message } = unclearFailure;
  return new TaskError(code, `${message}; no other server came to try it on`);
}

/** Whether the graph that the task runs has a low-memory profile. */
export function hasLowMemory({ variant }: HeldTask, workflow: Workflow): boolean {
  return graphNamed(workflow, variant).lowMemory !== undefined;
}

/** That a task's prompts ran out of memory whatever was tried, and what that was. */
export function outOfMemory(
  { memoryFailures }: HeldTask,
  workflow: Workflow,
  left: readonly PoolServer[],
  last?: TaskError,
): TaskError {
  const failed = last?.message ?? `Ran out of memory in workflow "${workflow.name}"`;
  const absent = left.map(({ id }) => `"${id}"`).join(", ");
  const rest =
    left.length === 0
      ? "no other server has more memory"
      : `of what may have more memory nothing answers: ${absent}`;
  const message = `${failed}; also ${describeTried(memoryFailures)}; ${rest}`;
  return new TaskError("OUT_OF_MEMORY", message, { cause: last });
}
