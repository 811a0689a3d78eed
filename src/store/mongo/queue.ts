import type { Collection, Filter } from "mongodb";
import { byTurn } from "../../domain/queue-order.js";
import type { OrphanScope } from "../task-queue.js";
import type { ServerClock } from "./clock.js";
import { chunkStatus, ofTenant, type TaskDocument } from "./document.js";
import { INDEX } from "./schema.js";
import type { StoredTask, StoredTasks } from "./stored-tasks.js";

/** The queries for what is due or becomes due. Each names its index, like those of {@link MongoTasks}. */
export class MongoQueue {
  readonly #collection: Collection<TaskDocument>;
  readonly #stored: StoredTasks;
  readonly #clock: ServerClock;

  constructor(collection: Collection<TaskDocument>, stored: StoredTasks, clock: ServerClock) {
    this.#collection = collection;
    this.#stored = stored;
    this.#clock = clock;
  }

  /** The first due pending task or chunk that still holds a slot. There are never more of them than slots. */
  async findKeeper(): Promise<StoredTask | undefined> {
    const statuses = ["pending", chunkStatus("pending")] as const;
    const isKept = { status: { $in: [...statuses] }, slot: { $exists: true } };
    const query = { ...isKept, ...this.#isPast("dueAt") };
    return await this.#stored.readAt(0, query, { hint: INDEX.keeper, sort: LEASE_ORDER });
  }

  /**
   * The first due pending task of some workflows, of all priorities or of one. With `skip`, the one
   * after so many others; the first if there are fewer.
   *
   * @param tenants only of these. @default of all
   */
  async findDue(
    workflows: readonly string[],
    skip: number,
    priority?: number,
    tenants?: readonly string[],
  ): Promise<StoredTask | undefined> {
    if (workflows.length === 0) return undefined;
    const query = {
      status: "pending",
      workflow: { $in: [...new Set(workflows)] },
      ...(priority !== undefined && { priority }),
      ...this.#isPast("dueAt"),
    } as const;
    if (tenants === undefined)
      return await this.#stored.readAt(skip, query, { hint: INDEX.head, sort: LEASE_ORDER });
    // One after the other in the index, so that no tenant's backlog is looked through.
    const options = { hint: INDEX.tenantHead, sort: LEASE_ORDER };
    const found = await Promise.all(
      tenants.map((each) => this.#stored.readAt(skip, { ...query, ...ofTenant(each) }, options)),
    );
    const [first] = found.flatMap((one) => one ?? []).sort((a, b) => byTurn(a.task, b.task));
    return first;
  }

  /** Like {@link findDue}, for chunks: the one whose turn comes first, of no film in `passedOver`. */
  async findDueChunk(
    workflows: readonly string[],
    skip: number,
    passedOver: readonly string[],
    priority?: number,
  ): Promise<StoredTask | undefined> {
    if (workflows.length === 0) return undefined;
    const query = {
      status: chunkStatus("pending"),
      workflow: { $in: [...new Set(workflows)] },
      ...(priority !== undefined && { priority }),
      ...(passedOver.length > 0 && { "chunk.film": { $nin: [...passedOver] } }),
      ...this.#isPast("dueAt"),
    };
    return await this.#stored.readAt(skip, query, { hint: INDEX.chunkHead, sort: CHUNK_ORDER });
  }

  /** The task that was orphaned first; {@link findDue} tells what `skip` does. */
  async findOrphan(skip: number, scope: OrphanScope): Promise<StoredTask | undefined> {
    const sort = { orphanAt: 1, _id: 1 } as const;
    const query = { ...this.#isPast("orphanAt"), ...(scope === "with_prompt" && WITH_PROMPT) };
    return await this.#stored.readAt(skip, query, { hint: INDEX.orphan, sort });
  }

  /** The pending task with the earliest due time, past or to come. */
  async findOldestDue(): Promise<StoredTask | undefined> {
    const options = { hint: INDEX.due, sort: { dueAt: 1 }, limit: 1 } as const;
    const [found] = await this.#stored.read({ status: "pending" }, options);
    return found;
  }

  /** How long it is until the next pending task becomes due or the next lease expires. */
  async nextDueInMs(): Promise<number | undefined> {
    const found = await Promise.all([
      this.#nextInMs("dueAt", { status: "pending" }, INDEX.due),
      this.#nextInMs("dueAt", RETRIED_CHUNK, INDEX.chunkRetry),
      this.#nextInMs("orphanAt", {}, INDEX.orphan),
    ]);
    const waits = found.filter((waitMs) => waitMs !== undefined);
    return waits.length === 0 ? undefined : Math.min(...waits);
  }

  #isPast(field: "dueAt" | "orphanAt") {
    return { [field]: { $lte: this.#clock.afterNow }, $expr: { $lte: [`$${field}`, "$$NOW"] } };
  }

  async #nextInMs(
    field: "dueAt" | "orphanAt",
    query: Filter<TaskDocument>,
    hint: string,
  ): Promise<number | undefined> {
    const isFuture = {
      [field]: { $gt: this.#clock.beforeNow },
      $expr: { $gt: [`$${field}`, "$$NOW"] },
    };
    const projection = { _id: 0, waitMs: { $subtract: [`$${field}`, "$$NOW"] } };
    const [next] = await this.#collection
      .find<{ waitMs: number }>({ ...query, ...isFuture }, { hint, projection })
      .sort({ [field]: 1 })
      .limit(1)
      .toArray();
    return next?.waitMs;
  }
}

/** A chunk that was leased before. */
const RETRIED_CHUNK = {
  status: chunkStatus("pending"),
  epoch: { $gt: 0 },
} satisfies Filter<TaskDocument>;

/**
 * Orphans that a server may be busy with or have a result of, films to be joined, and what waits for its
 * cleanup.
 */
const WITH_PROMPT = {
  $or: [
    ...[{ slot: { $exists: true } }, { dispatch: { $exists: true } }],
    ...[{ finishedAt: { $exists: true } }, { "film.phase": "join" as const }],
  ],
} satisfies Filter<TaskDocument>;

/** By priority, then due time, then age. */
const LEASE_ORDER = { priority: -1, dueAt: 1, _id: 1 } as const;

/** By priority, then turn, then age. */
const CHUNK_ORDER = { priority: -1, turnAt: 1, _id: 1 } as const;
