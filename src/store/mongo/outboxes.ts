import type { ClientSession, Collection, Document, Filter } from "mongodb";
import type { Task } from "../../domain/task.js";
import type { TaskEvent } from "../../domain/webhook.js";
import { addEvent, expiresAtMs, isOver, type Outbox, waitsFor } from "../core/outbox.js";
import type { ServerClock } from "./clock.js";
import type { TaskDocument } from "./document.js";
import { VersionConflict } from "./errors.js";
import { OUTBOX_INDEX } from "./outbox-schema.js";

/** A document of the collection `webhook_outbox`: the events of one task. */
export interface OutboxDocument {
  readonly _id: string;
  /** Grows with every write. A write is refused when it is no longer the one that was read. */
  readonly version: number;
  /** These three only while an event waits: whom it is for, when it is tried and when it is given up. */
  readonly receiver?: string;
  readonly dueAt?: Date;
  readonly expiresAt?: Date;
  /** An {@link Outbox} as JSON text. */
  readonly outbox: string;
}

/** An outbox as it was read. */
export interface StoredOutbox {
  readonly outbox: Outbox;
  readonly version: number;
  /** The server's time at the reading. */
  readonly now: Date;
}

/** The queries on the collection `webhook_outbox`. */
export class MongoOutboxes {
  readonly #collection: Collection<OutboxDocument>;
  readonly #tasks: Collection<TaskDocument>;
  readonly #clock: ServerClock;

  constructor(
    collection: Collection<OutboxDocument>,
    tasks: Collection<TaskDocument>,
    clock: ServerClock,
  ) {
    this.#collection = collection;
    this.#tasks = tasks;
    this.#clock = clock;
  }

  async find(taskId: string): Promise<StoredOutbox | undefined> {
    const [found] = await this.#read({ _id: taskId }, "_id_", 1);
    return found;
  }

  /**
   * Stores what an outbox becomes, or deletes it where its task and all of its events are over.
   *
   * @throws VersionConflict if it is no longer as it was read.
   */
  async save({ version, outbox: { taskId } }: StoredOutbox, next: Outbox): Promise<void> {
    const asRead = { _id: taskId, version };
    const count = isOver(next)
      ? (await this.#collection.deleteOne(asRead)).deletedCount
      : (await this.#collection.replaceOne(asRead, toDocument(next, version + 1))).matchedCount;
    if (count === 0) throw new VersionConflict();
  }

  /** Stores an event of a task, in the transaction that changes the task. */
  async add(task: Task, event: TaskEvent, now: Date, session?: ClientSession): Promise<void> {
    const { taskId: _id, webhook } = task;
    if (webhook === undefined) return;
    const options = session ? { session } : {};
    const found = await this.#collection.findOne({ _id }, options);
    const before = found ? (JSON.parse(found.outbox) as Outbox) : undefined;
    const next = addEvent(before, event, { url: webhook.url, task, now });
    const document = toDocument(next, (found?.version ?? 0) + 1);
    // What another write does to it meanwhile makes the whole transaction begin anew.
    await this.#collection.replaceOne({ _id }, document, { ...options, upsert: true });
  }

  /** Up to `limit` outboxes that may be due, at most so many of a receiver; none of some receivers. */
  async findDue(
    except: readonly string[],
    perReceiver: number,
    limit: number,
  ): Promise<readonly StoredOutbox[]> {
    const bound = this.#clock.afterNow;
    const receivers = await this.#dueReceivers(bound, except, limit);
    const found: StoredOutbox[] = [];
    for (const receiver of receivers) {
      const query = { receiver, dueAt: { $lte: bound } };
      const count = Math.min(perReceiver, limit - found.length);
      if (count === 0) break;
      found.push(...(await this.#read(query, OUTBOX_INDEX.due, count, { dueAt: 1 })));
    }
    return found.filter(({ outbox, now }) => outbox.dueAtMs <= now.getTime());
  }

  async findExpired(limit: number): Promise<readonly StoredOutbox[]> {
    const query = { expiresAt: { $lte: this.#clock.afterNow } };
    const found = await this.#read(query, OUTBOX_INDEX.expires, limit, { expiresAt: 1 });
    return found.filter(({ outbox, now }) => (expiresAtMs(outbox) ?? Infinity) <= now.getTime());
  }

  async countWaiting(): Promise<number> {
    return await this.#collection.countDocuments(ANY_RECEIVER, { hint: OUTBOX_INDEX.due });
  }

  /**
   * Notes for those of the tasks that have ended that they are about to be deleted: what they still
   * have to tell stays until it was told.
   */
  async letGo(taskIds: readonly string[]): Promise<void> {
    if (taskIds.length === 0) return;
    const found = await this.#read({ _id: { $in: [...taskIds] } }, "_id_", taskIds.length);
    const ids = found.map(({ outbox }) => outbox.taskId);
    const areEnded = { _id: { $in: ids }, retainedSince: { $exists: true } };
    const ended = new Set(ids.length > 0 ? await this.#tasks.distinct("_id", areEnded) : []);
    for (const stored of found)
      if (ended.has(stored.outbox.taskId))
        await this.save(stored, { ...stored.outbox, isOrphan: true });
  }

  /** Those of which something may be due, the one that is due longest first. */
  async #dueReceivers(
    bound: Date,
    except: readonly string[],
    limit: number,
  ): Promise<readonly string[]> {
    const found = await this.#collection
      .aggregate<{ readonly _id: string }>(
        [
          ...FIRST_OF_EACH,
          { $match: { dueAt: { $lte: bound } } },
          ...[{ $sort: { dueAt: 1 } }, { $limit: limit + except.length }],
        ],
        { hint: OUTBOX_INDEX.due },
      )
      .toArray();
    return found.map(({ _id }) => _id).filter((receiver) => !except.includes(receiver));
  }

  async #read(
    query: Filter<OutboxDocument>,
    hint: string,
    limit: number,
    sort?: Document,
  ): Promise<readonly StoredOutbox[]> {
    const pipeline = [
      { $match: query },
      ...(sort ? [{ $sort: sort }] : []),
      ...[{ $limit: limit }, { $set: { now: "$$NOW" } }],
    ];
    type Read = OutboxDocument & { readonly now: Date };
    const found = await this.#collection.aggregate<Read>(pipeline, { hint }).toArray();
    return found.map(({ outbox, version, now }) => {
      this.#clock.note(now);
      return { outbox: JSON.parse(outbox) as Outbox, version, now };
    });
  }
}

/** No name is empty; so put, the query can use the index of those that have one. */
const ANY_RECEIVER = { receiver: { $gt: "" } };

/** The server goes from receiver to receiver in the index, so that those with many events cost no more. */
export const FIRST_OF_EACH = [
  { $match: ANY_RECEIVER },
  { $sort: { receiver: 1, dueAt: 1 } },
  { $group: { _id: "$receiver", dueAt: { $first: "$dueAt" } } },
];

function toDocument(outbox: Outbox, version: number): Omit<OutboxDocument, "_id"> {
  const receiver = waitsFor(outbox);
  const expires = expiresAtMs(outbox);
  return {
    version,
    ...(receiver !== undefined && { receiver, dueAt: new Date(outbox.dueAtMs) }),
    ...(expires !== undefined && { expiresAt: new Date(expires) }),
    outbox: JSON.stringify(outbox),
  };
}
