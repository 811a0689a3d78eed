import { randomBytes } from "node:crypto";
import type { Collection, Db } from "mongodb";
import type { KeyArchive, NewKey, StoredKey } from "../key-archive.js";
import { MongoAudit } from "./audit.js";
import type { ServerClock } from "./clock.js";
import { isDuplicateKey } from "./errors.js";
import { MongoRateBuckets } from "./rate-buckets.js";

/** A key in the collection `access_keys`. */
interface KeyDocument extends Omit<StoredKey, "keyId"> {
  readonly _id: string;
}

/** What all replicas must agree on, in the collection `access_facts`. */
type FactDocument =
  | { readonly _id: "keys"; readonly version: number }
  | { readonly _id: "secret"; readonly secret: string };

const SECRET_BYTES = 32;

/** The collections of keys. Times are the server's. */
export class MongoKeys implements KeyArchive {
  readonly audit: MongoAudit;
  readonly buckets: MongoRateBuckets;
  readonly #keys: Collection<KeyDocument>;
  readonly #facts: Collection<FactDocument>;

  constructor(db: Db, clock: ServerClock) {
    this.audit = new MongoAudit(db, clock);
    this.buckets = new MongoRateBuckets(db);
    this.#keys = db.collection("access_keys");
    this.#facts = db.collection("access_facts");
  }

  async version(): Promise<number> {
    const found = await this.#facts.findOne({ _id: "keys" });
    return found && "version" in found ? found.version : 0;
  }

  async list(): Promise<readonly StoredKey[]> {
    const found = await this.#keys.find().sort({ createdAt: -1, _id: 1 }).toArray();
    return found.map(toKey);
  }

  async add({ keyId, scopes, ...rest }: NewKey): Promise<StoredKey | undefined> {
    try {
      const { upsertedCount } = await this.#keys.updateOne(
        { _id: keyId },
        [{ $replaceWith: toNew({ ...rest, _id: keyId, scopes: [...scopes] }) }],
        { upsert: true },
      );
      if (upsertedCount === 0) return undefined;
    } catch (error) {
      // Another process made it at the same moment.
      if (isDuplicateKey(error)) return undefined;
      throw error;
    }
    await this.#noteChange();
    return await this.#find(keyId);
  }

  async revoke(keyId: string): Promise<StoredKey | undefined> {
    const isLiving = { _id: keyId, revokedAt: { $exists: false } };
    await this.#keys.updateOne(isLiving, { $currentDate: { revokedAt: true } });
    // Told in any case: a process may have died between the two.
    await this.#noteChange();
    return await this.#find(keyId);
  }

  async noteUsed(uses: ReadonlyMap<string, Date>): Promise<void> {
    const operations = Array.from(uses, ([_id, lastUsedAt]) => ({
      updateOne: { filter: { _id }, update: { $max: { lastUsedAt } } },
    }));
    if (operations.length > 0) await this.#keys.bulkWrite(operations, { ordered: false });
  }

  async secret(): Promise<Uint8Array> {
    const secret = randomBytes(SECRET_BYTES).toString("hex");
    const made = { $setOnInsert: { secret } };
    const found = await this.#facts.findOneAndUpdate({ _id: "secret" }, made, {
      upsert: true,
      returnDocument: "after",
    });
    if (!found || !("secret" in found)) throw new Error("The store's secret is not there");
    return Buffer.from(found.secret, "hex");
  }

  async #find(keyId: string): Promise<StoredKey | undefined> {
    const found = await this.#keys.findOne({ _id: keyId });
    return found ? toKey(found) : undefined;
  }

  async #noteChange(): Promise<void> {
    await this.#facts.updateOne({ _id: "keys" }, { $inc: { version: 1 } }, { upsert: true });
  }
}

/** A key that is there stays as it is; a new one is created at the server's time. */
function toNew(fields: object): object {
  const literal = Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, { $literal: value }]),
  );
  const made = { $mergeObjects: [literal, { createdAt: "$$NOW" }] };
  return { $cond: [{ $eq: [{ $type: "$createdAt" }, "missing"] }, made, "$$ROOT"] };
}

function toKey({ _id, ...rest }: KeyDocument): StoredKey {
  return { keyId: _id, ...rest };
}

/** As much of a connection as keys need. */
interface RunsWithKeys {
  run<T>(work: (database: { readonly keys: KeyArchive }) => Promise<T>): Promise<T>;
}

/** The keys of a store that may not be reached yet. */
export function keysOf(connection: RunsWithKeys): KeyArchive {
  return {
    audit: {
      add: (entries) => connection.run(({ keys: { audit } }) => audit.add(entries)),
      list: (...args) => connection.run(({ keys: { audit } }) => audit.list(...args)),
      deleteOld: (...args) => connection.run(({ keys: { audit } }) => audit.deleteOld(...args)),
    },
    buckets: {
      take: (...args) => connection.run(({ keys: { buckets } }) => buckets.take(...args)),
    },
    version: () => connection.run(({ keys }) => keys.version()),
    list: () => connection.run(({ keys }) => keys.list()),
    add: (key) => connection.run(({ keys }) => keys.add(key)),
    revoke: (keyId) => connection.run(({ keys }) => keys.revoke(keyId)),
    noteUsed: (uses) => connection.run(({ keys }) => keys.noteUsed(uses)),
    secret: () => connection.run(({ keys }) => keys.secret()),
  };
}
