import { restingTenants } from "../../domain/queue-order.js";
import { TASK_STATUSES, type Task } from "../../domain/task.js";
import type { TaskCounts, TaskFilter } from "../task-reading.js";
import type { EmbeddedDriver, SqlValue } from "./driver.js";
import { encodeLabel, TASK_COLUMNS, type TaskRow, toTask } from "./row.js";
import { type CountRow, toCounts } from "./table.js";

/** The queries on the table `tasks` about one tenant, or about how tenants stand to each other. */
export class EmbeddedTenantTable {
  readonly #driver: EmbeddedDriver;

  constructor(driver: EmbeddedDriver) {
    this.#driver = driver;
  }

  /** Up to `limit` tasks of a tenant with ids below `belowId`, the newest first. */
  list(
    tenant: string,
    { status, labels = [] }: Omit<TaskFilter, "tenant">,
    belowId: string,
    limit: number,
  ): readonly Task[] {
    const [first, ...others] = labels.map(encodeLabel);
    const chosen = first === undefined ? [] : [first, ...others];
    const statuses = status === undefined ? TASK_STATUSES : [status];
    // Of each status as many as are asked for: the index has them in their order.
    const newest = statuses.map(() => `SELECT task_id FROM (${newestOf(chosen.length)})`);
    const values = statuses.flatMap((one) => [tenant, one, belowId, ...chosen, limit]);
    const rows = this.#driver.all<TaskRow>(
      `SELECT ${TASK_COLUMNS} FROM (${newest.join(" UNION ALL ")}) AS newest
       CROSS JOIN tasks USING (task_id) ORDER BY newest.task_id DESC LIMIT ?`,
      ...[...values, limit],
    );
    return rows.map(toTask);
  }

  /** @param labels only tasks with all of these, as far as they are stored; none: all since the store was made. */
  counts(tenant: string, labels: NonNullable<TaskFilter["labels"]>): TaskCounts {
    const [first, ...others] = labels.map(encodeLabel);
    const rows =
      first === undefined
        ? this.#count("SELECT status, task_count FROM counts WHERE tenant = ?", tenant)
        : this.#count(
            `SELECT status, count(*) AS task_count FROM task_labels AS first
             INDEXED BY task_labels_of_tenant WHERE first.tenant = ? AND first.label = ?
             ${others.map(() => HAS_LABEL).join("")} GROUP BY status`,
            ...[tenant, first, ...others],
          );
    return toCounts(rows);
  }

  /** How many tasks wait, in all and of one tenant. */
  pendingCounts(tenant: string): { readonly all: number; readonly tenant: number } {
    const row = this.#driver.get<{ all_count: number; own_count: number }>(
      `SELECT total(task_count) AS all_count, total(CASE WHEN tenant = ? THEN task_count END)
         AS own_count FROM counts WHERE status = 'pending'`,
      tenant,
    );
    return { all: row?.all_count ?? 0, tenant: row?.own_count ?? 0 };
  }

  /** The tenants that have waiting tasks and have not as many running ones as they may. */
  inTurn(maxRunning: ReadonlyMap<string, number> | undefined): readonly string[] {
    const waiting = this.#tenants(
      "SELECT tenant, task_count FROM counts WHERE status = 'pending' AND task_count > 0",
    );
    if (maxRunning === undefined) return [...waiting.keys()];
    const resting = this.#resting(maxRunning);
    return [...waiting.keys()].filter((tenant) => !resting.has(tenant));
  }

  /** Whether a tenant has as many running tasks as it may. */
  isResting(tenant: string, maxRunning: ReadonlyMap<string, number> | undefined): boolean {
    return maxRunning !== undefined && this.#resting(maxRunning).has(tenant);
  }

  #resting(maxRunning: ReadonlyMap<string, number>): ReadonlySet<string> {
    return restingTenants(this.#tenants(RUNNING), maxRunning);
  }

  #count(sql: string, ...values: readonly SqlValue[]): readonly CountRow[] {
    return this.#driver.all<CountRow>(sql, ...values);
  }

  #tenants(sql: string): ReadonlyMap<string, number> {
    const rows = this.#driver.all<{ readonly tenant: string; readonly task_count: number }>(sql);
    return new Map(rows.map((row) => [row.tenant, row.task_count]));
  }
}

/** How many tasks of each tenant run; those too that went back to pending and kept their slot. */
const RUNNING = `SELECT tenant, sum(task_count) AS task_count FROM (
    SELECT tenant, task_count FROM counts WHERE status = 'processing'
    UNION ALL
    SELECT tenant, 1 FROM tasks INDEXED BY tasks_slot
      WHERE slot IS NOT NULL AND status = 'pending' AND film_id IS NULL
  ) GROUP BY tenant`;
const HAS_LABEL = ` AND EXISTS (SELECT 1 FROM task_labels AS other
  WHERE other.label = ? AND other.task_id = first.task_id)`;

/** Values: tenant, status, the id below which to look, the labels, how many. */
function newestOf(labelCount: number): string {
  if (labelCount === 0)
    return `SELECT task_id FROM tasks INDEXED BY tasks_of_tenant
      WHERE film_id IS NULL AND tenant = ? AND status = ? AND task_id < ?
      ORDER BY task_id DESC LIMIT ?`;
  const others = Array.from({ length: labelCount - 1 }, () => HAS_LABEL).join("");
  return `SELECT first.task_id FROM task_labels AS first INDEXED BY task_labels_of_tenant
    WHERE first.tenant = ? AND first.status = ? AND first.task_id < ? AND first.label = ?${others}
    ORDER BY first.task_id DESC LIMIT ?`;
}
