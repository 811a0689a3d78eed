import { randomInt } from "node:crypto";
import type { ClientSession, Collection } from "mongodb";
import type { Label, TaskStatus } from "../../domain/task.js";
import type { TaskCounts } from "../task-reading.js";
import type { TaskDocument } from "./document.js";
import { COLLECTIONS, INDEX } from "./schema.js";
import { chosenBy } from "./task-filter.js";

/** One of several documents that together count the tasks since the store was made. */
export interface CountDocument {
  readonly _id: string;
  readonly created?: number;
  readonly completed?: number;
  readonly failed?: number;
  readonly canceled?: number;
}

/** A status that does not change any more. */
export type EndStatus = Exclude<TaskStatus, "pending" | "processing">;

/** How many documents share the counting: two transactions cannot write one at the same time. */
const SHARD_COUNT = 64;

/**
 * Counts created and ended tasks, in the transaction that creates or ends them. Processing tasks
 * are few and are counted where they are stored; the rest are pending.
 */
export class MongoCounts {
  readonly #counts: Collection<CountDocument>;
  readonly #tasks: Collection<TaskDocument>;
  readonly #isStandalone: boolean;

  constructor(
    counts: Collection<CountDocument>,
    tasks: Collection<TaskDocument>,
    isStandalone: boolean,
  ) {
    this.#counts = counts;
    this.#tasks = tasks;
    this.#isStandalone = isStandalone;
  }

  /** Counts new tasks. @returns the server's time. */
  async noteCreated(count: number, session: ClientSession | undefined): Promise<Date> {
    return await this.#add("created", count, session);
  }

  /** Counts a task that has just ended. */
  async noteEnded(status: EndStatus, session: ClientSession | undefined): Promise<void> {
    await this.#add(status, 1, session);
  }

  async read(): Promise<TaskCounts> {
    return this.#isStandalone ? await this.#readInSteps() : await this.#readAtOnce();
  }

  /** The stored tasks with all of these labels; each is counted once. */
  async readLabeled(labels: readonly Label[]): Promise<TaskCounts> {
    const { query } = chosenBy({ labels });
    const rows = await this.#tasks
      .aggregate<{ readonly _id: TaskStatus; readonly count: number }>(
        [{ $match: query }, { $group: { _id: "$status", count: { $sum: 1 } } }],
        { hint: INDEX.labelStatus },
      )
      .toArray();
    const countOf = (status: TaskStatus) => rows.find(({ _id }) => _id === status)?.count ?? 0;
    return {
      ...{ pending: countOf("pending"), processing: countOf("processing") },
      ...{ completed: countOf("completed"), failed: countOf("failed") },
      canceled: countOf("canceled"),
    };
  }

  async #add(
    field: keyof CountDocument,
    count: number,
    session: ClientSession | undefined,
  ): Promise<Date> {
    const options = { upsert: true, projection: { now: "$$NOW" }, ...(session && { session }) };
    const found = await this.#counts.findOneAndUpdate(
      { _id: `shard-${randomInt(SHARD_COUNT)}` },
      { $inc: { [field]: count } },
      { ...options, returnDocument: "after" },
    );
    return (found as unknown as { readonly now: Date }).now;
  }

  /** Reads in one snapshot: no task is counted twice or left out because it moved meanwhile. */
  async #readAtOnce(): Promise<TaskCounts> {
    type Row = CountDocument & { readonly processing?: number };
    const rows = await this.#tasks
      .aggregate<Row>(
        [
          { $match: { status: "processing" } },
          { $count: "processing" },
          { $unionWith: { coll: COLLECTIONS.counts } },
        ],
        { hint: INDEX.status, readConcern: { level: "snapshot" } },
      )
      .toArray();
    const ended = sumEnded(rows);
    const processing = sum(rows, (row) => row.processing);
    const created = sum(rows, (row) => row.created);
    const pending = created - processing - ended.completed - ended.failed - ended.canceled;
    return { ...ended, pending, processing };
  }

  /**
   * Reads without a transaction. The counters may miss a task whose process died while ending it.
   */
  async #readInSteps(): Promise<TaskCounts> {
    const count = (status: TaskStatus) =>
      this.#tasks.countDocuments({ status }, { hint: INDEX.status });
    const [pending, processing, rows] = await Promise.all([
      count("pending"),
      count("processing"),
      this.#counts.find().toArray(),
    ]);
    return { ...sumEnded(rows), pending, processing };
  }
}

function sumEnded(rows: readonly CountDocument[]): Record<EndStatus, number> {
  return {
    completed: sum(rows, (row) => row.completed),
    failed: sum(rows, (row) => row.failed),
    canceled: sum(rows, (row) => row.canceled),
  };
}

function sum<T>(rows: readonly T[], pick: (row: T) => number | undefined): number {
  return rows.reduce((total, row) => total + (pick(row) ?? 0), 0);
}
