import { randomInt } from "node:crypto";
import type { ClientSession, Collection, Filter } from "mongodb";
import { DEFAULT_TENANT } from "../../domain/caller.js";
import type { Label, TaskStatus } from "../../domain/task.js";
import { defined } from "../../lib/defined.js";
import type { TaskCounts } from "../task-reading.js";
import { ofTenant, type TaskDocument } from "./document.js";
import { COLLECTIONS, INDEX } from "./schema.js";
import { chosenBy } from "./task-filter.js";

/** One of several documents that together count the tasks of a tenant since the store was made. */
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
  async noteCreated(
    count: number,
    tenant: string,
    session: ClientSession | undefined,
  ): Promise<Date> {
    return await this.#add("created", count, tenant, session);
  }

  /** Counts a task that has just ended. */
  async noteEnded(
    status: EndStatus,
    tenant: string,
    session: ClientSession | undefined,
  ): Promise<void> {
    await this.#add(status, 1, tenant, session);
  }

  /** @param tenant undefined: all. */
  async read(tenant?: string): Promise<TaskCounts> {
    return this.#isStandalone ? await this.#readInSteps(tenant) : await this.#readAtOnce(tenant);
  }

  /** The stored tasks with all of these labels; each is counted once. */
  async readLabeled(labels: readonly Label[], tenant?: string): Promise<TaskCounts> {
    const { query, hint } = chosenBy({ labels, ...defined({ tenant }) });
    const rows = await this.#tasks
      .aggregate<{ readonly _id: TaskStatus; readonly count: number }>(
        [{ $match: query }, { $group: { _id: "$status", count: { $sum: 1 } } }],
        { hint: tenant === undefined ? INDEX.labelStatus : hint },
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
    tenant: string,
    session: ClientSession | undefined,
  ): Promise<Date> {
    const options = { upsert: true, projection: { now: "$$NOW" }, ...(session && { session }) };
    const found = await this.#counts.findOneAndUpdate(
      { _id: `${prefixOf(tenant)}${randomInt(SHARD_COUNT)}` },
      { $inc: { [field]: count } },
      { ...options, returnDocument: "after" },
    );
    return (found as unknown as { readonly now: Date }).now;
  }

  /** Reads in one snapshot: no task is counted twice or left out because it moved meanwhile. */
  async #readAtOnce(tenant: string | undefined): Promise<TaskCounts> {
    type Row = CountDocument & { readonly processing?: number };
    const rows = await this.#tasks
      .aggregate<Row>(
        [
          { $match: { ...tasksOf(tenant), status: "processing" } },
          { $count: "processing" },
          { $unionWith: { coll: COLLECTIONS.counts, pipeline: [{ $match: countsOf(tenant) }] } },
        ],
        { hint: hintFor(tenant), readConcern: { level: "snapshot" } },
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
  async #readInSteps(tenant: string | undefined): Promise<TaskCounts> {
    const count = (status: TaskStatus) =>
      this.#tasks.countDocuments({ ...tasksOf(tenant), status }, { hint: hintFor(tenant) });
    const [pending, processing, rows] = await Promise.all([
      count("pending"),
      count("processing"),
      this.#counts.find(countsOf(tenant)).toArray(),
    ]);
    return { ...sumEnded(rows), pending, processing };
  }
}

/** Begins the ids of a tenant's counts. Those of `default` are named as before there were others. */
function prefixOf(tenant: string): string {
  return tenant === DEFAULT_TENANT ? "shard-" : `${tenant}:shard-`;
}

/** Names of tenants hold nothing that means more in a pattern. */
function countsOf(tenant: string | undefined): Filter<CountDocument> {
  if (tenant === undefined) return {};
  return { _id: new RegExp(`^${prefixOf(tenant)}\\d+$`) };
}

function tasksOf(tenant: string | undefined): Filter<TaskDocument> {
  return tenant === undefined ? {} : ofTenant(tenant);
}

function hintFor(tenant: string | undefined): string {
  return tenant === undefined ? INDEX.status : INDEX.tenant;
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
