import type { ClientSession, Collection, Document } from "mongodb";
import { DEFAULT_TENANT } from "../../domain/caller.js";
import { restingTenants } from "../../domain/queue-order.js";
import type { Task } from "../../domain/task.js";
import { tenantOf } from "../../domain/tenant.js";
import type { TaskDocument } from "./document.js";
import { isDuplicateKey, VersionConflict } from "./errors.js";
import { INDEX } from "./schema.js";

/** How often a capped tenant had its turn. Leases of its tasks that are made at the same time conflict in it. */
export interface TurnDocument {
  /** The tenant's name. */
  readonly _id: string;
  readonly version: number;
}

/** Which tenants have their turn, as it was read at one moment. */
export interface Turns {
  /** Undefined: all. */
  readonly inTurn: readonly string[] | undefined;
  /**
   * Takes the turn of a task's tenant in the transaction that leases it, where the tenant is capped.
   *
   * @throws VersionConflict if another of its tasks was leased since.
   */
  take(task: Task, session: ClientSession | undefined): Promise<void>;
  /** Whether {@link take} has something to do. */
  isCounted(task: Task): boolean;
}

/** Keeps tenants to the number of tasks that they may have running. */
export class MongoTenants {
  readonly #tasks: Collection<TaskDocument>;
  readonly #turns: Collection<TurnDocument>;
  readonly #isStandalone: boolean;

  constructor(
    tasks: Collection<TaskDocument>,
    turns: Collection<TurnDocument>,
    isStandalone: boolean,
  ) {
    this.#tasks = tasks;
    this.#turns = turns;
    this.#isStandalone = isStandalone;
  }

  async readTurns(maxRunning: ReadonlyMap<string, number>): Promise<Turns> {
    const { running, versions } = await this.#look([...maxRunning.keys()]);
    const resting = restingTenants(running, maxRunning);
    const inTurn = resting.size === 0 ? undefined : await this.#allBut(resting);
    const isCounted = (task: Task) => !task.chunk && maxRunning.has(tenantOf(task));
    return {
      inTurn,
      isCounted,
      take: async (task, session) => {
        if (isCounted(task))
          await this.#take(tenantOf(task), versions.get(tenantOf(task)) ?? 0, session);
      },
    };
  }

  /** How many tasks run and how often it was whose turn, in one snapshot: no lease is in one of them alone. */
  async #look(capped: readonly string[]) {
    interface Row {
      readonly tenant: string | null;
      readonly count?: number;
      readonly version?: number;
    }
    const options = { hint: INDEX.tenant, ...(!this.#isStandalone && SNAPSHOT) };
    const rows = await this.#tasks.aggregate<Row>(this.#lookAt(capped), options).toArray();
    const running = new Map<string, number>();
    const versions = new Map<string, number>();
    for (const { tenant, count = 0, version } of rows) {
      const name = tenant ?? DEFAULT_TENANT;
      if (version !== undefined) versions.set(name, version);
      running.set(name, (running.get(name) ?? 0) + count);
    }
    return { running, versions };
  }

  #lookAt(capped: readonly string[]): Document[] {
    const coll = this.#tasks.collectionName;
    // The keepers of slots are few, whosoever they are.
    const keepers = [{ $match: { status: "pending", slot: { $exists: true } } }, ...COUNT];
    const turns = [
      { $match: { _id: { $in: [...capped] } } },
      { $project: { _id: 0, tenant: "$_id", version: 1 } },
    ];
    return [
      { $match: { tenant: { $in: capped.map(storedName) }, status: "processing" } },
      ...COUNT,
      { $unionWith: { coll, pipeline: keepers } },
      { $unionWith: { coll: this.#turns.collectionName, pipeline: turns } },
    ];
  }

  /** All tenants that have tasks, but for some. The server goes from tenant to tenant in the index. */
  async #allBut(resting: ReadonlySet<string>): Promise<readonly string[]> {
    const found = await this.#tasks
      .aggregate<{ readonly _id: string | null }>([{ $group: { _id: "$tenant" } }], {
        hint: INDEX.tenant,
      })
      .toArray();
    return found.map(({ _id }) => _id ?? DEFAULT_TENANT).filter((name) => !resting.has(name));
  }

  async #take(tenant: string, version: number, session: ClientSession | undefined): Promise<void> {
    try {
      const { matchedCount, upsertedCount } = await this.#turns.updateOne(
        { _id: tenant, version },
        { $inc: { version: 1 } },
        { upsert: version === 0, ...(session && { session }) },
      );
      if (matchedCount + upsertedCount === 0) throw new VersionConflict();
    } catch (error) {
      if (isDuplicateKey(error)) throw new VersionConflict("The turn was taken", { cause: error });
      throw error;
    }
  }
}

const SNAPSHOT = { readConcern: { level: "snapshot" } } as const;
const COUNT = [
  { $group: { _id: "$tenant", count: { $sum: 1 } } },
  { $project: { _id: 0, tenant: "$_id", count: 1 } },
];

/** As in documents: those of `default` have no such field, which a query by null finds. */
function storedName(tenant: string): string | null {
  return tenant === DEFAULT_TENANT ? null : tenant;
}
