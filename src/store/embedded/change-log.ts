import { setImmediate } from "node:timers/promises";
import { TaskError } from "../../domain/errors.js";
import type { Labels, Task, TaskStatus } from "../../domain/task.js";
import { TASK_ID } from "../core/task-ids.js";
import {
  DELETED_KEPT_MS,
  type DeletedTask,
  type FollowedChange,
  type FollowedTask,
} from "../task-following.js";
import type { EmbeddedDriver } from "./driver.js";
import type { EmbeddedTable } from "./table.js";

/** As many changes as are read in a few milliseconds. */
const PAGE_COUNT = 50;

interface ChangeRow {
  readonly position: number;
  readonly task_id: string;
  readonly created_after: number | null;
  readonly deleted_at: number | null;
  readonly status: TaskStatus | null;
  readonly labels: string | null;
  readonly tenant: string | null;
}

/** The table `task_changes`. Its positions are exact: what was read once does not come again. */
export class EmbeddedChangeLog {
  readonly #driver: EmbeddedDriver;
  readonly #table: EmbeddedTable;

  constructor(driver: EmbeddedDriver, table: EmbeddedTable) {
    this.#driver = driver;
    this.#table = table;
  }

  /** The position of the last change. */
  get position(): number {
    const row = this.#driver.get<{ seq: number }>(
      "SELECT seq FROM sqlite_sequence WHERE name = 'task_changes'",
    );
    return row?.seq ?? 0;
  }

  /** Where a task's last change stands; of a task without one, where the log ends. */
  positionOf(taskId: string): string {
    const row = this.#driver.get<{ position: number }>(
      "SELECT position FROM task_changes WHERE task_id = ?",
      taskId,
    );
    return String(row?.position ?? this.position);
  }

  /** Notes that a task was deleted. @returns where. */
  noteDeleted({ taskId, status, labels, tenant }: Task, nowMs: number): string {
    this.#driver.run(
      `INSERT OR REPLACE INTO task_changes (task_id, created_after, deleted_at, status, labels, tenant)
       VALUES (?, (SELECT created_after FROM task_changes WHERE task_id = ?), ?, ?, ?, ?)`,
      ...[taskId, taskId, nowMs, status, labels ? JSON.stringify(labels) : null, tenant ?? null],
    );
    return this.positionOf(taskId);
  }

  /** Forgets the tasks that were deleted long ago. */
  forgetDeleted(nowMs: number): void {
    const before = nowMs - DELETED_KEPT_MS;
    const { position } = this.#driver.get<{ position: number | null }>(
      `SELECT max(position) AS position FROM task_changes INDEXED BY task_changes_deleted
       WHERE deleted_at IS NOT NULL AND deleted_at < ?`,
      before,
    ) ?? { position: null };
    if (position === null) return;
    this.#driver.run(
      "UPDATE facts SET value = max(CAST(value AS INTEGER), ?) || '' WHERE name = 'changes_forgotten'",
      position,
    );
    this.#driver.run(
      `DELETE FROM task_changes INDEXED BY task_changes_deleted
       WHERE deleted_at IS NOT NULL AND deleted_at < ?`,
      before,
    );
  }

  /** The tasks that are there or were deleted lately. */
  follow(taskIds: readonly string[]): readonly FollowedTask[] {
    return taskIds
      .filter((taskId) => TASK_ID.test(taskId))
      .flatMap((taskId) => {
        const row = this.#find(taskId);
        return this.#table.find(taskId) ?? (row && toDeleted(row)) ?? [];
      });
  }

  /** @throws TaskError CURSOR_EXPIRED */
  async *changesAfter(position: string): AsyncGenerator<readonly FollowedChange[], void> {
    const from = this.#require(position);
    for (let after = from; ; ) {
      const rows = this.#driver.all<ChangeRow>(
        "SELECT * FROM task_changes WHERE position > ? ORDER BY position LIMIT ?",
        after,
        PAGE_COUNT,
      );
      const last = rows.at(-1);
      if (last === undefined) return;
      yield rows.flatMap((row) => this.#toChange(row, from) ?? []);
      after = last.position;
      await setImmediate();
    }
  }

  #require(text: string): number {
    const position = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    const forgotten = this.#driver.get<{ value: string }>(
      "SELECT value FROM facts WHERE name = 'changes_forgotten'",
    );
    if (position >= Number(forgotten?.value ?? 0) && position <= this.position) return position;
    throw new TaskError("CURSOR_EXPIRED", "Cannot go on from the cursor: it is too old");
  }

  #toChange(row: ChangeRow, from: number): FollowedChange | undefined {
    const followed = toDeleted(row) ?? this.#table.find(row.task_id);
    const { created_after: createdAfter } = row;
    const isNew = createdAfter !== null && createdAfter >= from;
    return followed && { followed, position: String(row.position), isNew };
  }

  #find(taskId: string): ChangeRow | undefined {
    return this.#driver.get<ChangeRow>("SELECT * FROM task_changes WHERE task_id = ?", taskId);
  }
}

function toDeleted(row: ChangeRow): DeletedTask | undefined {
  const { task_id: taskId, deleted_at: deletedAt, status, labels, tenant } = row;
  if (deletedAt === null || status === null) return undefined;
  return {
    ...{ taskId, status, isDeleted: true },
    ...(tenant !== null && { tenant }),
    ...(labels !== null && { labels: JSON.parse(labels) as Labels }),
  };
}
