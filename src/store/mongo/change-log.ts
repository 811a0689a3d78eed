import type { Collection, Document } from "mongodb";
import { TaskError } from "../../domain/errors.js";
import { isChunkId } from "../../domain/film.js";
import type { Labels, Task, TaskStatus } from "../../domain/task.js";
import { defined } from "../../lib/defined.js";
import { TASK_ID } from "../core/task-ids.js";
import {
  DELETED_KEPT_MS,
  type DeletedTask,
  type FollowedChange,
  type FollowedTask,
} from "../task-following.js";
import type { ServerClock } from "./clock.js";
import { type TaskDocument, toTask } from "./document.js";
import { INDEX } from "./schema.js";

/** A task that was deleted; the server itself removes the document later. */
export interface DeletedDocument {
  readonly _id: string;
  /** By the server's clock. */
  readonly deletedAt: Date;
  readonly status: TaskStatus;
  /** As JSON text: keys may hold dots. */
  readonly labels?: string;
  readonly tenant?: string;
}

/**
 * How far before a position changes are read again: a transaction may be committed some seconds after
 * its time, and the clocks of two members may differ.
 */
const OVERLAP_MS = 60_000;
const PAGE_COUNT = 50;
/** A form that only this store makes. */
const POSITION = /^\d{13}$/;

/**
 * What was changed and deleted since a moment. A position is a time of the server, in milliseconds:
 * every change that is older by {@link OVERLAP_MS} was told before it.
 */
export class MongoChangeLog {
  readonly #tasks: Collection<TaskDocument>;
  readonly #deleted: Collection<DeletedDocument>;
  readonly #clock: ServerClock;

  constructor(
    tasks: Collection<TaskDocument>,
    deleted: Collection<DeletedDocument>,
    clock: ServerClock,
  ) {
    this.#tasks = tasks;
    this.#deleted = deleted;
    this.#clock = clock;
  }

  /** Remembers those of the tasks that may be deleted. Before that: nobody then misses it. */
  async noteDeleted(taskIds: readonly string[]): Promise<void> {
    const found = await this.#tasks
      .find({ _id: { $in: [...taskIds] }, retainedSince: { $exists: true } }, { hint: "_id_" })
      .toArray();
    const operations = found.map(toTask).map(({ taskId: _id, status, labels, tenant }) => ({
      updateOne: {
        filter: { _id },
        update: {
          $set: {
            ...{ status, ...defined({ tenant }) },
            ...(labels && { labels: JSON.stringify(labels) }),
          },
          $currentDate: { deletedAt: true } as const,
        },
        upsert: true,
      },
    }));
    if (operations.length > 0) await this.#deleted.bulkWrite(operations, { ordered: false });
  }

  /** The tasks that are there or were deleted lately, in no order. */
  async follow(taskIds: readonly string[]): Promise<readonly FollowedTask[]> {
    const ours = taskIds.filter((id) => TASK_ID.test(id));
    if (ours.length === 0) return [];
    const found = await this.#tasks.find({ _id: { $in: ours } }, { hint: "_id_" }).toArray();
    const known = new Set(found.map(({ _id }) => _id));
    const gone = await this.findDeleted(ours.filter((id) => !known.has(id)));
    return [...found.map(toTask), ...gone];
  }

  async findDeleted(taskIds: readonly string[]): Promise<readonly DeletedTask[]> {
    if (taskIds.length === 0) return [];
    const found = await this.#deleted.find({ _id: { $in: [...taskIds] } }).toArray();
    return found.map(toDeleted);
  }

  /** The ids of the tasks that were deleted since a moment, in no order. */
  async deletedSince(since: Date): Promise<readonly string[]> {
    const found = await this.#deleted
      .find({ deletedAt: { $gte: since } }, { projection: { _id: 1 } })
      .toArray();
    return found.map(({ _id }) => _id);
  }

  /** @throws TaskError CURSOR_EXPIRED */
  async *changesAfter(position: string): AsyncGenerator<readonly FollowedChange[], void> {
    const begin = this.#require(position);
    for (let from = begin - OVERLAP_MS; ; ) {
      const [tasks, deleted] = await Promise.all([
        this.#page(this.#tasks, "changedAt", from, INDEX.changed),
        this.#page(this.#deleted, "deletedAt", from),
      ]);
      const endMs = Math.min(tasks.endMs, deleted.endMs);
      const changes = [
        ...tasks.found
          .filter(({ _id }) => !isChunkId(_id))
          .map((one) => toChange(toTask(one), one.changedAt)),
        ...deleted.found.map((one) => toChange(toDeleted(one), one.deletedAt)),
      ].filter(({ atMs }) => atMs < endMs);
      yield changes.sort((a, b) => a.atMs - b.atMs).map((change) => ofPosition(change, begin));
      if (endMs === Number.POSITIVE_INFINITY) return;
      from = endMs;
    }
  }

  #require(position: string): number {
    const ms = POSITION.test(position) ? Number(position) : Number.NaN;
    const now = this.#clock.afterNow.getTime();
    if (ms > now - DELETED_KEPT_MS + OVERLAP_MS && ms <= now) return ms;
    throw new TaskError("CURSOR_EXPIRED", "Cannot go on from the cursor: it is too old");
  }

  /**
   * The documents from a time on, and the time at which the page ends. What one transaction wrote has one
   * time, so that a page holds it whole.
   */
  async #page<D extends Document>(
    collection: Collection<D>,
    field: "changedAt" | "deletedAt",
    fromMs: number,
    hint?: string,
    limit = PAGE_COUNT,
  ): Promise<{ readonly found: readonly D[]; readonly endMs: number }> {
    const pipeline = [
      { $match: { [field]: { $gte: new Date(fromMs) } } },
      { $sort: { [field]: 1 } },
      { $limit: limit + 1 },
    ];
    const found = await collection.aggregate<D>(pipeline, hint ? { hint } : {}).toArray();
    const last = found.at(-1);
    if (last === undefined || found.length <= limit)
      return { found, endMs: Number.POSITIVE_INFINITY };
    const endMs = (last[field] as Date).getTime();
    if (endMs > fromMs) return { found, endMs };
    return await this.#page(collection, field, fromMs, hint, limit * 2);
  }
}

interface TimedChange {
  readonly followed: Task | DeletedTask;
  readonly atMs: number;
}

function toChange(followed: Task | DeletedTask, at: Date): TimedChange {
  return { followed, atMs: at.getTime() };
}

function ofPosition({ followed, atMs }: TimedChange, begin: number): FollowedChange {
  const isNew = "createdAt" in followed && followed.createdAt.getTime() > begin + OVERLAP_MS;
  return { followed, position: String(Math.max(atMs, begin)), isNew };
}

function toDeleted({ _id, status, labels, tenant }: DeletedDocument): DeletedTask {
  return {
    ...{ taskId: _id, status, isDeleted: true, ...defined({ tenant }) },
    ...(labels !== undefined && { labels: JSON.parse(labels) as Labels }),
  };
}
