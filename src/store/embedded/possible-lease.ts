import type { LeaseRequest } from "../task-queue.js";
import type { EmbeddedDriver } from "./driver.js";
import type { EmbeddedTable } from "./table.js";

/**
 * The request without the workflows that nothing waits for; undefined where nothing can be leased. Most
 * often it is so, and to see that needs no transaction.
 */
export function possibleLease(
  request: LeaseRequest,
  nowMs: number,
  driver: EmbeddedDriver,
  table: EmbeddedTable,
): LeaseRequest | undefined {
  const waiting = driver.all<{ workflow: string }>(WAITING).map((row) => row.workflow);
  const workflows = request.workflows.filter((workflow) => waiting.includes(workflow));
  if (workflows.length === 0 && table.findSlotKeeper(nowMs) === undefined) return undefined;
  return { ...request, workflows };
}

const TASKS = "tasks INDEXED BY tasks_head WHERE status = 'pending' AND film_id IS NULL";
const CHUNKS = "tasks INDEXED BY chunks_head WHERE status = 'pending' AND film_id IS NOT NULL";
/** The workflows of pending tasks and chunks, due or not: a step in the index for each. */
const WAITING = `WITH RECURSIVE of_task (workflow) AS (${eachOf("of_task", TASKS)}),
  of_chunk (workflow) AS (${eachOf("of_chunk", CHUNKS)})
  SELECT workflow FROM of_task WHERE workflow IS NOT NULL
  UNION SELECT workflow FROM of_chunk WHERE workflow IS NOT NULL`;

/** Goes from one workflow to the next in an index that begins with it. */
function eachOf(name: string, rows: string): string {
  const next = `SELECT min(workflow) FROM ${rows} AND workflow > ${name}.workflow`;
  return `SELECT min(workflow) FROM ${rows}
    UNION ALL SELECT (${next}) FROM ${name} WHERE ${name}.workflow IS NOT NULL`;
}
