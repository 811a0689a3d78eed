import type { Task } from "../../domain/task.js";
import type { TaskEvent } from "../../domain/webhook.js";
import { addEvent, expiresAtMs, isOver, type Outbox, waitsFor } from "../core/outbox.js";
import type { EmbeddedDriver } from "./driver.js";

interface OutboxRow {
  readonly document: string;
}

/** The queries on the table `outbox`. */
export class EmbeddedOutboxTable {
  readonly #driver: EmbeddedDriver;

  constructor(driver: EmbeddedDriver) {
    this.#driver = driver;
  }

  find(taskId: string): Outbox | undefined {
    return this.#read("SELECT document FROM outbox WHERE task_id = ?", taskId)[0];
  }

  /** Stores an outbox, or deletes it where its task and all of its events are over. */
  save(outbox: Outbox): void {
    const { taskId, dueAtMs, isLeased } = outbox;
    if (isOver(outbox)) {
      this.#driver.run("DELETE FROM outbox WHERE task_id = ?", taskId);
      return;
    }
    const receiver = waitsFor(outbox) ?? null;
    this.#driver.run(
      SAVE,
      taskId,
      receiver,
      receiver === null ? null : dueAtMs,
      expiresAtMs(outbox) ?? null,
      isLeased ? 1 : 0,
      JSON.stringify(outbox),
    );
  }

  /** Stores an event of a task. */
  add(task: Task, event: TaskEvent, url: string, now: Date): void {
    this.save(addEvent(this.find(task.taskId), event, { url, task, now }));
  }

  /** The task is deleted: what it still has to tell stays until it was told. */
  letGo(taskId: string): void {
    const outbox = this.find(taskId);
    if (outbox) this.save({ ...outbox, isOrphan: true });
  }

  /** Up to `limit` outboxes that are due, at most so many of a receiver; none of some receivers. */
  findDue(
    nowMs: number,
    except: readonly string[],
    perReceiver: number,
    limit: number,
  ): readonly Outbox[] {
    const found: Outbox[] = [];
    for (const receiver of this.#dueReceivers(nowMs)) {
      const count = Math.min(perReceiver, limit - found.length);
      if (!except.includes(receiver)) found.push(...this.#read(DUE, receiver, nowMs, count));
      if (found.length === limit) break;
    }
    return found;
  }

  findExpired(nowMs: number, limit: number): readonly Outbox[] {
    return this.#read(EXPIRED, nowMs, limit);
  }

  countWaiting(): number {
    return this.#driver.get<{ count: number }>(COUNT)?.count ?? 0;
  }

  /** Gives out again what a former process had. */
  voidLeases(nowMs: number): void {
    for (const outbox of this.#read(LEASED)) this.save({ ...outbox, dueAtMs: nowMs });
  }

  /** Those of which something is due, the one that is due longest first. */
  #dueReceivers(nowMs: number): readonly string[] {
    return this.#driver
      .all<{ receiver: string }>(DUE_RECEIVERS, nowMs)
      .map(({ receiver }) => receiver);
  }

  #read(sql: string, ...values: readonly (string | number)[]): readonly Outbox[] {
    return this.#driver
      .all<OutboxRow>(sql, ...values)
      .map(({ document }) => JSON.parse(document) as Outbox);
  }
}

const SAVE = `INSERT OR REPLACE INTO outbox
  (task_id, receiver, due_at, expires_at, is_leased, document) VALUES (?, ?, ?, ?, ?, ?)`;

/** Goes from receiver to receiver in the index, so that those with many events cost no more than others. */
const DUE_RECEIVERS = `
WITH RECURSIVE waiting (receiver) AS (
  SELECT min(receiver) FROM outbox INDEXED BY outbox_due WHERE receiver IS NOT NULL
  UNION ALL
  SELECT (
    SELECT min(receiver) FROM outbox INDEXED BY outbox_due
    WHERE receiver IS NOT NULL AND receiver > waiting.receiver
  ) FROM waiting WHERE waiting.receiver IS NOT NULL
), first (receiver, due_at) AS (
  SELECT receiver, (
    SELECT due_at FROM outbox INDEXED BY outbox_due
    WHERE outbox.receiver = waiting.receiver ORDER BY due_at LIMIT 1
  ) FROM waiting WHERE receiver IS NOT NULL
)
SELECT receiver FROM first WHERE due_at <= ? ORDER BY due_at
`;
const DUE = `SELECT document FROM outbox INDEXED BY outbox_due
  WHERE receiver = ? AND due_at <= ? ORDER BY due_at LIMIT ?`;
const EXPIRED = `SELECT document FROM outbox INDEXED BY outbox_expires
  WHERE receiver IS NOT NULL AND expires_at <= ? ORDER BY expires_at LIMIT ?`;
const LEASED = `SELECT document FROM outbox INDEXED BY outbox_due
  WHERE receiver IS NOT NULL AND is_leased = 1`;
const COUNT =
  "SELECT count(*) AS count FROM outbox INDEXED BY outbox_due WHERE receiver IS NOT NULL";
