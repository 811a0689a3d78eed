import type { Label, Task } from "../../domain/task.js";
import { tenantOf } from "../../domain/tenant.js";
import { UNIT_ID } from "../core/task-ids.js";
import type { OrphanScope } from "../task-queue.js";
import type { TaskCounts, TaskFilter } from "../task-reading.js";
import type { EmbeddedDriver, SqlValue } from "./driver.js";
import { RecentTasks } from "./recent-tasks.js";
import {
  CHANGING_COLUMNS,
  changingValues,
  encodeKey,
  encodeLabel,
  TASK_COLUMNS,
  type TaskRow,
  toTask,
} from "./row.js";

/**
 * The queries on the table `tasks`. Those that run often name their index: without it they fail at
 * once, instead of becoming slow.
 */
export class EmbeddedTable {
  readonly #driver: EmbeddedDriver;
  readonly #recent = new RecentTasks();

  constructor(driver: EmbeddedDriver) {
    this.#driver = driver;
  }

  insert(task: Task, requestHash: string | undefined): void {
    const { taskId, priority, workflow, turnAt, idempotencyKey } = task;
    const tenant = tenantOf(task);
    this.#driver.run(
      INSERT,
      taskId,
      priority,
      workflow,
      tenant,
      turnAt?.getTime() ?? null,
      idempotencyKey === undefined ? null : encodeKey(idempotencyKey, tenant),
      requestHash ?? null,
      ...changingValues(task),
    );
    for (const label of Object.entries(task.labels ?? {}))
      this.#driver.run(INSERT_LABEL, encodeLabel(label), taskId, task.status, tenant);
  }

  update(task: Task): void {
    this.#recent.forget(task.taskId);
    this.#driver.run(UPDATE, ...changingValues(task), task.taskId);
  }

  /** Moves the end of a lease. It is not part of the document, so nothing else is written. */
  renewLease(taskId: string, expiresAtMs: number): void {
    this.#recent.forget(taskId);
    this.#driver.run("UPDATE tasks SET orphan_at = ? WHERE task_id = ?", expiresAtMs, taskId);
  }

  /**
   * The task or chunk of an id: the same object until it changes. An id that is not of our form is not
   * asked for.
   */
  find(taskId: string): Task | undefined {
    const known = this.#recent.find(taskId);
    if (known !== undefined || !UNIT_ID.test(taskId)) return known;
    const row = this.#driver.get<TaskRow>(FIND, taskId);
    const task = row && toTask(row);
    // What a transaction has written may still be undone.
    if (task && !this.#driver.inTransaction) this.#recent.keep(task, row.document.length);
    return task;
  }

  findByKey(
    key: string,
    tenant: string,
  ): { readonly task: Task; readonly requestHash: string } | undefined {
    const row = this.#driver.get<TaskRow & { readonly request_hash: string }>(
      `SELECT ${TASK_COLUMNS}, request_hash FROM tasks INDEXED BY tasks_idempotency_key
       WHERE idempotency_key = ?`,
      encodeKey(key, tenant),
    );
    return row && { task: toTask(row), requestHash: row.request_hash };
  }

  /** The oldest due pending task of a workflow and priority, of some tenants. */
  findHead(
    workflow: string,
    priority: number,
    nowMs: number,
    tenants: readonly string[],
  ): Task | undefined {
    if (tenants.length === 0) return undefined;
    return this.#one(HEAD, JSON.stringify(tenants), workflow, priority, nowMs);
  }

  /** The first due pending task that still holds a slot. There are never more of them than slots. */
  findSlotKeeper(nowMs: number): Task | undefined {
    return this.#one(
      `SELECT ${TASK_COLUMNS} FROM tasks INDEXED BY tasks_slot
       WHERE slot IS NOT NULL AND status = 'pending' AND due_at <= ?
       ORDER BY priority DESC, due_at, task_id LIMIT 1`,
      nowMs,
    );
  }

  findOrphan(nowMs: number, scope: OrphanScope): Task | undefined {
    return this.#one(
      `SELECT ${TASK_COLUMNS} FROM tasks INDEXED BY tasks_orphan
       WHERE orphan_at IS NOT NULL AND orphan_at <= ?${scope === "all" ? "" : WITH_PROMPT}
       ORDER BY orphan_at, task_id LIMIT 1`,
      nowMs,
    );
  }

  /** The earliest due time of a pending task, past or to come; of none that is a chunk. */
  findOldestDueMs(): number | undefined {
    return this.#driver.get<{ at: number }>(
      `SELECT due_at AS at FROM tasks INDEXED BY tasks_due
       WHERE status = 'pending' AND film_id IS NULL ORDER BY due_at LIMIT 1`,
    )?.at;
  }

  /** The next moment after now at which a pending task or chunk becomes due or a lease expires. */
  findNextDueMs(nowMs: number): number | undefined {
    const moments = NEXT_DUE.map((sql) => this.#driver.get<{ at: number }>(sql, nowMs)?.at);
    const nextMs = Math.min(...moments.map((at) => at ?? Infinity));
    return Number.isFinite(nextMs) ? nextMs : undefined;
  }

  /** Makes every lease expired. @returns how many there were. */
  voidLeases(): number {
    this.#recent.forgetAll();
    return this.#driver.run(
      "UPDATE tasks INDEXED BY tasks_orphan SET orphan_at = 0 WHERE orphan_at IS NOT NULL AND orphan_at > 0",
    );
  }

  findSlotHolder(slot: string): string | undefined {
    return this.#driver.get<{ task_id: string }>(
      "SELECT task_id FROM tasks INDEXED BY tasks_slot WHERE slot = ?",
      slot,
    )?.task_id;
  }

  /** Up to `limit` tasks with ids below `belowId`, the newest first. */
  list(filter: TaskFilter, belowId: string, limit: number): readonly Task[] {
    const { status, labels = [] } = filter;
    const [first, ...others] = labels.map(encodeLabel);
    if (first !== undefined) return this.#listLabeled(first, others, status, belowId, limit);
    const rows =
      status === undefined
        ? this.#driver.all<TaskRow>(
            `SELECT ${TASK_COLUMNS} FROM tasks INDEXED BY tasks_listed
             WHERE film_id IS NULL AND task_id < ? ORDER BY task_id DESC LIMIT ?`,
            belowId,
            limit,
          )
        : this.#driver.all<TaskRow>(
            `SELECT ${TASK_COLUMNS} FROM tasks INDEXED BY tasks_status
             WHERE film_id IS NULL AND status = ? AND task_id < ? ORDER BY task_id DESC LIMIT ?`,
            status,
            belowId,
            limit,
          );
    return rows.map(toTask);
  }

  #listLabeled(
    first: string,
    others: readonly string[],
    status: string | undefined,
    belowId: string,
    limit: number,
  ): readonly Task[] {
    const statuses = status === undefined ? [] : [status];
    const rows = this.#driver.all<TaskRow>(
      `SELECT ${TASK_COLUMNS} FROM task_labels AS first CROSS JOIN tasks USING (task_id)
       WHERE first.label = ?${statuses.map(() => " AND first.status = ?").join("")} AND task_id < ?
       ${others.map(() => HAS_LABEL).join("")} ORDER BY first.task_id DESC LIMIT ?`,
      ...[first, ...statuses, belowId, ...others, limit],
    );
    return rows.map(toTask);
  }

  counts(): TaskCounts {
    return toCounts(
      this.#driver.all<CountRow>(
        "SELECT status, sum(task_count) AS task_count FROM counts GROUP BY status",
      ),
    );
  }

  /** The tasks with all of these labels, of which there is one at least. */
  countLabeled(labels: readonly Label[]): TaskCounts {
    const [first = "", ...others] = labels.map(encodeLabel);
    const rows = this.#driver.all<CountRow>(
      `SELECT status, count(*) AS task_count FROM task_labels AS first
       INDEXED BY task_labels_status WHERE first.label = ?
       ${others.map(() => HAS_LABEL).join("")} GROUP BY status`,
      ...[first, ...others],
    );
    return toCounts(rows);
  }

  /** Up to `limit` tasks that ended before a time and need no cleanup, the oldest first. */
  listEnded(endedBeforeMs: number, limit: number, skip: number): readonly Task[] {
    const rows = this.#driver.all<TaskRow>(
      `SELECT ${TASK_COLUMNS} FROM tasks INDEXED BY tasks_ended
       WHERE finished_at IS NOT NULL AND orphan_at IS NULL AND film_id IS NULL AND finished_at < ?
       ORDER BY finished_at LIMIT ? OFFSET ?`,
      endedBeforeMs,
      limit,
      skip,
    );
    return rows.map(toTask);
  }

  /**
   * Deletes a task if it has ended and needs no cleanup, with its chunks. The file keeps its size and
   * reuses the room. @returns how many tasks.
   */
  deleteEnded(taskId: string): number {
    this.#recent.forget(taskId);
    const count = this.#driver.run(DELETE_ENDED, taskId);
    if (count === 0) return 0;
    const chunkCount = this.#driver.run(`DELETE FROM tasks WHERE ${OF_FILM}`, taskId, taskId);
    if (chunkCount > 0) this.#recent.forgetAll();
    return count;
  }

  #one(sql: string, ...values: readonly SqlValue[]): Task | undefined {
    const row = this.#driver.get<TaskRow>(sql, ...values);
    return row && toTask(row);
  }
}

/** How many tasks have a status. */
export interface CountRow {
  readonly status: keyof TaskCounts;
  readonly task_count: number;
}

/** Statuses without a row have no tasks. */
export function toCounts(rows: readonly CountRow[]): TaskCounts {
  const none: TaskCounts = { pending: 0, processing: 0, completed: 0, failed: 0, canceled: 0 };
  return { ...none, ...Object.fromEntries(rows.map((row) => [row.status, row.task_count])) };
}

const FIND = `SELECT ${TASK_COLUMNS} FROM tasks WHERE task_id = ?`;
/** Goes to the head of each tenant in the index, so that no backlog is looked through. */
const HEAD = `SELECT ${TASK_COLUMNS} FROM json_each(?) AS tenant CROSS JOIN tasks ON tasks.task_id = (
    SELECT task_id FROM tasks AS head INDEXED BY tasks_head
    WHERE head.status = 'pending' AND head.film_id IS NULL AND head.tenant = tenant.value
      AND head.workflow = ? AND head.priority = ? AND head.due_at <= ?
    ORDER BY head.due_at, head.task_id LIMIT 1
  ) ORDER BY tasks.due_at, tasks.task_id LIMIT 1`;
const WITH_PROMPT = ` AND (slot IS NOT NULL OR finished_at IS NOT NULL
  OR json_extract(document, '$.dispatch') IS NOT NULL
  OR json_extract(document, '$.film.phase') = 'join')`;
const NEXT_DUE = [
  `SELECT due_at AS at FROM tasks INDEXED BY tasks_due
   WHERE status = 'pending' AND film_id IS NULL AND due_at > ? ORDER BY due_at LIMIT 1`,
  `SELECT due_at AS at FROM tasks INDEXED BY chunks_due
   WHERE status = 'pending' AND film_id IS NOT NULL AND due_at > ? ORDER BY due_at LIMIT 1`,
  `SELECT orphan_at AS at FROM tasks INDEXED BY tasks_orphan
   WHERE orphan_at IS NOT NULL AND orphan_at > ? ORDER BY orphan_at LIMIT 1`,
];
const DELETE_ENDED = `DELETE FROM tasks
  WHERE task_id = ? AND film_id IS NULL AND finished_at IS NOT NULL AND orphan_at IS NULL`;
/** The ids of a film's chunks begin with its own and a hyphen, which a full stop follows. */
const OF_FILM = "task_id > ? || '-' AND task_id < ? || '.'";
const HAS_LABEL = ` AND EXISTS (SELECT 1 FROM task_labels AS other
  WHERE other.label = ? AND other.task_id = first.task_id)`;
const INSERT_LABEL = "INSERT INTO task_labels (label, task_id, status, tenant) VALUES (?, ?, ?, ?)";
const FIXED_COLUMNS = [
  ...["task_id", "priority", "workflow", "tenant", "turn_at", "idempotency_key", "request_hash"],
];
const ALL_COLUMNS = [...FIXED_COLUMNS, ...CHANGING_COLUMNS];
const INSERT = `INSERT INTO tasks (${ALL_COLUMNS.join(", ")})
  VALUES (${ALL_COLUMNS.map(() => "?").join(", ")})`;
const UPDATE = `UPDATE tasks SET ${CHANGING_COLUMNS.map((column) => `${column} = ?`).join(", ")}
  WHERE task_id = ?`;
