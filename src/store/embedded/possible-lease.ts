import type { LeaseRequest } from "../task-queue.js";
import type { EmbeddedDriver } from "./driver.js";
import type { QueueTables } from "./next-lease.js";

/**
 * The request without the workflows that nothing waits for; undefined where nothing can be leased. Most
 * often it is so, and to see that needs no transaction.
 */
export function possibleLease(
  request: LeaseRequest,
  nowMs: number,
  driver: EmbeddedDriver,
  { tasks, tenants }: QueueTables,
): LeaseRequest | undefined {
  const inTurn = JSON.stringify(tenants.inTurn(request.maxRunning));
  const waiting = driver.all<{ workflow: string }>(WAITING, inTurn).map((row) => row.workflow);
  const workflows = request.workflows.filter((workflow) => waiting.includes(workflow));
  if (workflows.length === 0 && tasks.findSlotKeeper(nowMs) === undefined) return undefined;
  return { ...request, workflows };
}

const TASKS = "tasks INDEXED BY tasks_head WHERE status = 'pending' AND film_id IS NULL";
const CHUNKS = "tasks INDEXED BY chunks_head WHERE status = 'pending' AND film_id IS NOT NULL";
/**
 * The workflows of some tenants' pending tasks and of all pending chunks, due or not: a step in the
 * index for each.
 */
const WAITING = `WITH RECURSIVE of_task (tenant, workflow) AS (
    SELECT value, (SELECT min(workflow) FROM ${TASKS} AND tenant = value) FROM json_each(?)
    UNION ALL SELECT tenant, (
      SELECT min(workflow) FROM ${TASKS} AND tasks.tenant = of_task.tenant
        AND workflow > of_task.workflow
    ) FROM of_task WHERE of_task.workflow IS NOT NULL
  ), of_chunk (workflow) AS (
    SELECT min(workflow) FROM ${CHUNKS}
    UNION ALL SELECT (SELECT min(workflow) FROM ${CHUNKS} AND workflow > of_chunk.workflow)
      FROM of_chunk WHERE of_chunk.workflow IS NOT NULL
  )
  SELECT workflow FROM of_task WHERE workflow IS NOT NULL
  UNION SELECT workflow FROM of_chunk WHERE workflow IS NOT NULL`;
