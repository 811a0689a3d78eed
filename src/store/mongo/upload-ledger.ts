import type { Collection } from "mongodb";
import { type NotedUpload, UPLOAD_KNOWN_MS, type UploadLedger } from "../upload-ledger.js";
import type { MongoConnection } from "./connection.js";

/** An upload in the collection `tenant_uploads`; the server itself removes it some time after it expired. */
export interface UploadDocument {
  /** The key of its object. */
  readonly _id: string;
  readonly tenant: string;
  readonly sizeBytes: number;
  /** By the server's clock. */
  readonly expiresAt: Date;
}

const UPLOAD_INDEX = { taken: "taken", expired: "expired" } as const;

/** The indexes of `tenant_uploads`. */
export const UPLOAD_INDEXES = [
  { name: UPLOAD_INDEX.taken, key: { tenant: 1, expiresAt: 1 } },
  {
    name: UPLOAD_INDEX.expired,
    key: { expiresAt: 1 },
    expireAfterSeconds: UPLOAD_KNOWN_MS / 1000,
  },
] as const;

/** The queries on the collection `tenant_uploads`. */
export class MongoUploads implements UploadLedger {
  readonly #uploads: Collection<UploadDocument>;

  constructor(uploads: Collection<UploadDocument>) {
    this.#uploads = uploads;
  }

  async note(upload: NotedUpload, maxBytes = Number.POSITIVE_INFINITY): Promise<boolean> {
    const { key, tenant, sizeBytes, ttlMs } = upload;
    const fields = { tenant, sizeBytes, expiresAt: { $add: ["$$NOW", ttlMs] } };
    await this.#uploads.updateOne({ _id: key }, [{ $set: fields }], { upsert: true });
    // Asked for afterwards: of two that were noted at the same time, the second one sees both.
    if (maxBytes === Number.POSITIVE_INFINITY || (await this.takenBytes(tenant)) <= maxBytes)
      return true;
    await this.forget(key);
    return false;
  }

  async forget(key: string): Promise<void> {
    await this.#uploads.deleteOne({ _id: key });
  }

  async takenBytes(tenant: string): Promise<number> {
    const [sum] = await this.#uploads
      .aggregate<{ readonly bytes: number }>(
        [
          { $match: { tenant, $expr: { $gt: ["$expiresAt", "$$NOW"] } } },
          { $group: { _id: null, bytes: { $sum: "$sizeBytes" } } },
        ],
        { hint: UPLOAD_INDEX.taken },
      )
      .toArray();
    return sum?.bytes ?? 0;
  }

  async tenantOf(key: string): Promise<string | undefined> {
    return (await this.#uploads.findOne({ _id: key }))?.tenant;
  }
}

/** The ledger of a connection, whichever database it leads to by now. */
export function uploadsOf(connection: MongoConnection): UploadLedger {
  return {
    note: (...args) => connection.run(({ uploads }) => uploads.note(...args)),
    forget: (key) => connection.run(({ uploads }) => uploads.forget(key)),
    takenBytes: (tenant) => connection.run(({ uploads }) => uploads.takenBytes(tenant)),
    tenantOf: (key) => connection.run(({ uploads }) => uploads.tenantOf(key)),
  };
}
