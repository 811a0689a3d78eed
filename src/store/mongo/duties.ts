import type { Collection } from "mongodb";
import type { Duties } from "../duties.js";
import { isDuplicateKey } from "./errors.js";

/** A duty under its name, and who has it. */
export interface DutyDocument {
  readonly _id: string;
  readonly owner: string;
  readonly expiresAt: Date;
}

/** The end of the lease; 1970 for a duty that nobody had yet. */
const EXPIRES_AT = { $ifNull: ["$expiresAt", new Date(0)] };

/** Duties by the server's clock: each a job that only one process should do. */
export class MongoDuties implements Duties {
  readonly #collection: Collection<DutyDocument>;

  constructor(collection: Collection<DutyDocument>) {
    this.#collection = collection;
  }

  async leaseDuty(duty: string, owner: string, leaseMs: number): Promise<boolean> {
    // The condition is in the update: a query with the server's time cannot insert a document.
    const isOurs = {
      $or: [{ $eq: ["$owner", { $literal: owner }] }, { $lte: [EXPIRES_AT, "$$NOW"] }],
    };
    const lease = {
      owner: { $cond: [isOurs, { $literal: owner }, "$owner"] },
      expiresAt: { $cond: [isOurs, { $add: ["$$NOW", leaseMs] }, "$expiresAt"] },
    };
    try {
      const options = { upsert: true, returnDocument: "after" } as const;
      const found = await this.#collection.findOneAndUpdate(
        { _id: duty },
        [{ $set: lease }],
        options,
      );
      return found?.owner === owner;
    } catch (error) {
      // Another process made it at the same moment.
      if (isDuplicateKey(error)) return false;
      throw error;
    }
  }
}
