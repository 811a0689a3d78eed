import type { Collection, Db } from "mongodb";
import type { AuditEntry } from "../../domain/audit.js";
import type { AuditArchive, AuditPage } from "../audit-archive.js";
import { AuditIds, auditIdAt, toAuditPage } from "../core/audit-page.js";
import { pageStart } from "../core/task-page.js";
import type { ServerClock } from "./clock.js";
import { COLLECTIONS } from "./schema.js";

/** An entry in the collection `audit`; the ids grow with time. */
interface AuditDocument extends AuditEntry {
  readonly _id: string;
}

/** The collection `audit`. */
export class MongoAudit implements AuditArchive {
  readonly #collection: Collection<AuditDocument>;
  readonly #clock: ServerClock;
  readonly #ids = new AuditIds();

  constructor(db: Db, clock: ServerClock) {
    this.#collection = db.collection(COLLECTIONS.audit);
    this.#clock = clock;
  }

  async add(entries: readonly AuditEntry[]): Promise<void> {
    if (entries.length === 0) return;
    await this.#collection.insertMany(
      entries.map((entry) => ({ _id: this.#ids.next(entry.at), ...entry })),
    );
  }

  async list(pageSize: number, pageToken?: string): Promise<AuditPage> {
    const found = await this.#collection
      .find({ _id: { $lt: pageStart(pageToken) } })
      .sort({ _id: -1 })
      .limit(pageSize + 1)
      .toArray();
    return toAuditPage(
      found.map(({ _id: id, ...entry }) => ({ id, entry })),
      pageSize,
    );
  }

  async deleteOld(keptMs: number, limit: number): Promise<number> {
    const old = await this.#collection
      .find({ _id: { $lt: auditIdAt(this.#clock.beforeNow.getTime() - keptMs) } })
      .sort({ _id: 1 })
      .limit(limit)
      .project<{ readonly _id: string }>({ _id: 1 })
      .toArray();
    const ids = old.map(({ _id }) => _id);
    return (await this.#collection.deleteMany({ _id: { $in: ids } })).deletedCount;
  }
}
