import { setImmediate } from "node:timers/promises";
import type { Task } from "../../domain/task.js";
import type { EmbeddedDriver } from "./driver.js";
import { TASK_COLUMNS, type TaskRow, toTask } from "./row.js";

/** The queries on chunks alone: rows of the table `tasks` that have a `film_id`. */
export class EmbeddedChunkTable {
  readonly #driver: EmbeddedDriver;

  constructor(driver: EmbeddedDriver) {
    this.#driver = driver;
  }

  /** The chunks of a film by their ids. Others are answered between its pages. */
  async find(filmId: string): Promise<readonly Task[]> {
    const found: Task[] = [];
    for (let afterId = `${filmId}-`; ; await setImmediate()) {
      const page = this.#driver
        .all<TaskRow>(
          `SELECT ${TASK_COLUMNS} FROM tasks
           WHERE task_id > ? AND task_id < ? ORDER BY task_id LIMIT ?`,
          ...[afterId, `${filmId}.`, PAGE_COUNT],
        )
        .map(toTask);
      found.push(...page);
      const last = page.at(-1);
      if (last === undefined || page.length < PAGE_COUNT) return found;
      afterId = last.taskId;
    }
  }

  /** The due pending chunk of a workflow and priority whose turn comes first, of no film in `passedOver`. */
  findHead(
    workflow: string,
    priority: number,
    nowMs: number,
    passedOver: readonly string[],
  ): Task | undefined {
    const row = this.#driver.get<TaskRow>(
      `SELECT ${TASK_COLUMNS} FROM tasks INDEXED BY chunks_head
       WHERE status = 'pending' AND film_id IS NOT NULL AND workflow = ? AND priority = ?
         AND due_at <= ? AND film_id NOT IN (SELECT value FROM json_each(?))
       ORDER BY turn_at, task_id LIMIT 1`,
      workflow,
      priority,
      nowMs,
      JSON.stringify(passedOver),
    );
    return row && toTask(row);
  }

  /** The films of which so many chunks are processed. */
  findBusyFilms(runningCount: number): readonly string[] {
    const rows = this.#driver.all<{ film_id: string }>(
      `SELECT film_id FROM tasks INDEXED BY chunks_running
       WHERE film_id IS NOT NULL AND status = 'processing' GROUP BY film_id HAVING count(*) >= ?`,
      runningCount,
    );
    return rows.map((row) => row.film_id);
  }

  /** How many frames of a film's chunks that are processed are done; parts of chunks count. */
  runningFrameCount(filmId: string): number {
    const row = this.#driver.get<{ frame_count: number }>(
      `SELECT total(json_extract(document, '$.chunk.frameCount')
          * json_extract(document, '$.progress')) / 100 AS frame_count
       FROM tasks INDEXED BY chunks_running WHERE film_id = ? AND status = 'processing'`,
      filmId,
    );
    return row?.frame_count ?? 0;
  }

  /** Ids of up to `limit` chunks of a film that have not ended. */
  findUnfinished(filmId: string, limit: number): readonly string[] {
    const rows = this.#driver.all<{ task_id: string }>(
      `SELECT task_id FROM tasks INDEXED BY chunks_open
       WHERE ${OPEN} AND finished_at IS NULL LIMIT ?`,
      filmId,
      limit,
    );
    return rows.map((row) => row.task_id);
  }

  /** How many chunks of a film have not ended or wait for their cleanup, `limit` at most. */
  countOpen(filmId: string, limit: number): number {
    const row = this.#driver.get<{ chunk_count: number }>(
      `SELECT count(*) AS chunk_count
       FROM (SELECT 1 FROM tasks INDEXED BY chunks_open WHERE ${OPEN} LIMIT ?)`,
      filmId,
      limit,
    );
    return row?.chunk_count ?? 0;
  }
}

/** Rows that are read at a time. */
const PAGE_COUNT = 250;
const OPEN = "film_id = ? AND (finished_at IS NULL OR orphan_at IS NOT NULL)";
