import type { Collection, Db } from "mongodb";
import type { Bucket, RateBuckets, TakenTokens } from "../rate-buckets.js";
import { isDuplicateKey } from "./errors.js";
import { COLLECTIONS } from "./schema.js";

/** A bucket in the collection `rate_buckets`; the server itself removes one that nobody uses. */
interface BucketDocument {
  readonly _id: string;
  readonly at: Date;
  readonly tokens: number;
  /** What the last taking got. */
  readonly granted: number;
}

/** Buckets by the server's clock. */
export class MongoRateBuckets implements RateBuckets {
  readonly #collection: Collection<BucketDocument>;

  constructor(db: Db) {
    // What an election loses is a few tokens: nobody waits for a majority.
    this.#collection = db.collection(COLLECTIONS.rateBuckets, { writeConcern: { w: 1 } });
  }

  async take(bucket: Bucket, want: number, mayOwe = false): Promise<TakenTokens> {
    try {
      return await this.#take(bucket, want, mayOwe);
    } catch (error) {
      // Another process made the bucket at the same moment.
      if (isDuplicateKey(error)) return await this.#take(bucket, want, mayOwe);
      throw error;
    }
  }

  async #take({ id, ...rates }: Bucket, want: number, mayOwe: boolean): Promise<TakenTokens> {
    const options = { upsert: true, returnDocument: "after" } as const;
    const granted = mayOwe ? want : { $max: [0, { $min: [want, { $floor: "$tokens" }] }] };
    const found = await this.#collection.findOneAndUpdate(
      { _id: id },
      [
        { $set: { tokens: filled(rates), at: "$$NOW" } },
        { $set: { granted } },
        { $set: { tokens: { $subtract: ["$tokens", "$granted"] } } },
      ],
      options,
    );
    if (!found) throw new Error(`The bucket "${id}" is not there`);
    return { granted: found.granted, left: found.tokens };
  }
}

function filled({ capacity, perSecond }: Omit<Bucket, "id">): object {
  const elapsedMs = { $max: [0, { $subtract: ["$$NOW", { $ifNull: ["$at", "$$NOW"] }] }] };
  const gained = { $multiply: [elapsedMs, perSecond / 1000] };
  return { $min: [capacity, { $add: [{ $ifNull: ["$tokens", capacity] }, gained] }] };
}
