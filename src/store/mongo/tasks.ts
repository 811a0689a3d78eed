import type { ClientSession, Collection, Filter } from "mongodb";
import { filmIdOf } from "../../domain/film.js";
import { TASK_STATUSES, type Task } from "../../domain/task.js";
import { orphanAtOf } from "../core/orphan-at.js";
import { revise } from "../core/task-changes.js";
import { UNIT_ID } from "../core/task-ids.js";
import type { Fence } from "../task-queue.js";
import type { TaskChange, TaskFilter } from "../task-reading.js";
import { chunkIdsOf } from "./chunks.js";
import type { ServerClock } from "./clock.js";
import { encodeKey, type TaskDocument, toDocument, toUpdate } from "./document.js";
import { VersionConflict } from "./errors.js";
import { INDEX } from "./schema.js";
import type { StoredTask, StoredTasks } from "./stored-tasks.js";
import { chosenBy } from "./task-filter.js";

/** A task to be stored, with the hash of its request where it has an idempotency key. */
export interface NewRow {
  readonly task: Task;
  readonly requestHash: string | undefined;
}

/**
 * The queries on the collection `tasks`. Each names its index: without that index it fails at once,
 * instead of becoming slow. The server decides whether something is due, by its `$$NOW`.
 */
export class MongoTasks {
  readonly #collection: Collection<TaskDocument>;
  readonly #stored: StoredTasks;
  readonly #clock: ServerClock;

  constructor(collection: Collection<TaskDocument>, stored: StoredTasks, clock: ServerClock) {
    this.#collection = collection;
    this.#stored = stored;
    this.#clock = clock;
  }

  /** Stores new tasks. Throws a duplicate key error when an idempotency key is taken. */
  async insert(tasks: readonly NewRow[], session: ClientSession | undefined): Promise<void> {
    const operations = tasks.map(({ task, requestHash }) => {
      const { _id, ...fields } = toDocument(task, requestHash);
      // An upsert, since only an update can ask for the server's time.
      const update = { $setOnInsert: fields, $currentDate: { changedAt: true } as const };
      return { updateOne: { filter: { _id }, update, upsert: true } };
    });
    await this.#collection.bulkWrite(operations, { ordered: true, ...(session && { session }) });
  }

  /** The task of an id, or the chunk with its film. An id that is not of our form is not asked for. */
  async find(taskId: string): Promise<StoredTask | undefined> {
    const filmId = filmIdOf(taskId);
    const found = await this.findMany([...new Set([taskId, filmId])]);
    const stored = found.get(taskId);
    const film = taskId === filmId ? undefined : found.get(filmId);
    return stored && { ...stored, ...(film && { film }) };
  }

  /** A chunk with its film; any other task as it is. */
  async withFilm(stored: StoredTask): Promise<StoredTask> {
    if (!stored.task.chunk) return stored;
    const film = (await this.findMany([stored.task.chunk.film])).get(stored.task.chunk.film);
    return { ...stored, ...(film && { film }) };
  }

  async findMany(taskIds: readonly string[]): Promise<ReadonlyMap<string, StoredTask>> {
    const ours = taskIds.filter((id) => UNIT_ID.test(id));
    if (ours.length === 0) return new Map();
    const found = await this.#stored.read({ _id: { $in: ours } }, { hint: "_id_" });
    return new Map(found.map((stored) => [stored.task.taskId, stored]));
  }

  async findByKey(key: string, tenant: string): Promise<StoredTask | undefined> {
    const query = { idempotency: { $exists: true }, "idempotency.key": encodeKey(key, tenant) };
    const [found] = await this.#stored.read(query, { hint: INDEX.idempotency });
    return found;
  }

  /** Up to `limit` tasks with ids below `belowId`, the newest first. */
  async list(filter: TaskFilter, belowId: string, limit: number): Promise<readonly Task[]> {
    const { query: chosen, hint } = chosenBy(filter);
    const query = { _id: { $lt: belowId }, ...chosen };
    const found = await this.#stored.read(query, { hint, sort: { _id: -1 }, limit });
    return found.map(({ task }) => task);
  }

  /** The latest revision of each task that got one since a moment, in no order. */
  changesSince(since: Date): AsyncIterable<Omit<TaskChange, "position">> {
    return this.#collection
      .find<ToldTask>(
        { changedAt: { $gte: since }, "change.status": { $in: [...TASK_STATUSES] } },
        { ...CHANGES, hint: INDEX.changed },
      )
      .map(({ _id, change }) => ({ taskId: _id, ...change }));
  }

  /**
   * Up to `limit` tasks that ended over `retentionMs` ago and need no cleanup, the oldest first.
   */
  async listEnded(retentionMs: number, limit: number, skip: number): Promise<readonly Task[]> {
    const endedAt = { $add: ["$retainedSince", retentionMs] };
    const bound = new Date(this.#clock.afterNow.getTime() - retentionMs);
    const query = { retainedSince: { $lt: bound }, $expr: { $lt: [endedAt, "$$NOW"] } };
    const sort = { retainedSince: 1, _id: 1 } as const;
    const found = await this.#stored.read(query, { hint: INDEX.ended, sort, skip, limit });
    return found.map(({ task }) => task);
  }

  /**
   * Deletes those of the tasks that have ended and need no cleanup, each after its chunks. @returns how
   * many tasks.
   */
  async deleteEnded(taskIds: readonly string[]): Promise<number> {
    if (taskIds.length === 0) return 0;
    const areEnded = { _id: { $in: [...taskIds] }, retainedSince: { $exists: true } };
    const areFilms = { ...areEnded, film: { $exists: true } };
    const found = this.#collection.find(areFilms, { hint: "_id_", projection: { _id: 1 } });
    for (const { _id } of await found.toArray())
      await this.#collection.deleteMany({ _id: chunkIdsOf(_id) }, { hint: "_id_" });
    const { deletedCount } = await this.#collection.deleteMany(areEnded, { hint: "_id_" });
    return deletedCount;
  }

  /**
   * Stores a task's next state, with the next revision if a client can see a difference.
   *
   * @throws VersionConflict if the task is no longer as it was read.
   */
  async replace(stored: StoredTask, next: Task, session?: ClientSession): Promise<Task> {
    const revised = revise(stored.task, next, stored.now);
    const update = toUpdate(stored.task, revised);
    if (update) {
      const options = session ? { session } : {};
      const filter = asRead(stored, revised);
      const result = await this.#collection.updateOne(filter, update, options);
      if (result.matchedCount === 0) throw new VersionConflict();
    }
    return revised;
  }

  /**
   * {@link replace} for several tasks at once, each by itself.
   *
   * @throws VersionConflict if one of them is no longer as it was read; the others may be written.
   */
  async replaceMany(changes: readonly (readonly [StoredTask, Task])[]): Promise<void> {
    const operations = changes.flatMap(([stored, next]) => {
      const revised = revise(stored.task, next, stored.now);
      const update = toUpdate(stored.task, revised);
      return update ? [{ updateOne: { filter: asRead(stored, revised), update } }] : [];
    });
    if (operations.length === 0) return;
    const result = await this.#collection.bulkWrite(operations, { ordered: false });
    if (result.matchedCount < operations.length) throw new VersionConflict();
  }

  /**
   * Extends leases to `leaseMs` after the server's now. A renewal disturbs no other write of the
   * task: it changes no version, and a write that ends or takes over a lease names the lease that
   * it read.
   *
   * @throws VersionConflict if a task is no longer held under its epoch; the others are renewed.
   */
  async renew(fences: readonly Fence[], owner: string, leaseMs: number): Promise<void> {
    if (fences.length === 0) return;
    const lease = { leaseOwner: owner, orphanAt: { $add: ["$$NOW", leaseMs] } };
    const operations = fences.map(({ taskId, epoch }) => ({
      updateOne: {
        filter: { _id: taskId, epoch, leaseOwner: { $exists: true } },
        update: [{ $set: lease }],
      },
    }));
    const { matchedCount } = await this.#collection.bulkWrite(operations, { ordered: false });
    if (matchedCount < operations.length) throw new VersionConflict();
  }
}

/** What is read of a changed task; chunks are left out. */
interface ToldTask {
  readonly _id: string;
  readonly change: Omit<TaskChange, "taskId">;
}

/** What a change tells. A batch is small, so that reading it does not keep the event loop to itself. */
const CHANGES = { projection: { change: 1 }, batchSize: 500 } as const;

/** Matches the task as it was read. A write that changes the lease also needs the lease as read. */
function asRead({ task, version }: StoredTask, next: Task): Filter<TaskDocument> {
  const [before, after] = [task, next].map((one) => orphanAtOf(one)?.getTime());
  return {
    ...{ _id: task.taskId, version },
    ...(before !== after && { orphanAt: orphanAtOf(task) ?? { $exists: false } }),
  };
}
