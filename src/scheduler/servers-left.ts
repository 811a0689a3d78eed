import { TaskError } from "../domain/errors.js";
import { describeTried, hasMoreMemory, needsMoreMemory } from "../domain/memory-order.js";
import type { Pool } from "../pool/pool.js";
import type { PoolServer } from "../pool/pool-server.js";
import { canRun } from "../pool/server-fit.js";
import { graphNamed } from "../workflow/variants.js";
import type { Workflow } from "../workflow/workflow.js";
import type { HeldTask } from "./held-task.js";

/**
 * The servers that are left for a task whose prompts ran out of memory: those that have more than the
 * ones it failed on, up or not, and those that were never reached and may have.
 *
 * @returns undefined where any server will do.
 */
export function serversLeft(
  heldTask: HeldTask,
  workflow: Workflow,
  pool: Pool,
): readonly PoolServer[] | undefined {
  const { memoryFailures, task } = heldTask;
  if (!needsMoreMemory(memoryFailures, hasLowMemory(heldTask, workflow))) return undefined;
  return pool.servers.filter((server) => {
    if (memoryFailures.some((failure) => failure.server === server.id)) return false;
    if (!server.isKnown) return true;
    const hasMore = hasMoreMemory(server.memory, memoryFailures);
    return hasMore && canRun(server, workflow, task.parameters);
  });
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
