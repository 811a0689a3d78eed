import type { AnyBulkWriteOperation, Collection } from "mongodb";
import type { LearnedTime } from "../../domain/learned-time.js";
import { MAX_LEARNED_TIMES } from "../time-archive.js";

/** A learned time in the collection `learned_times`. */
export interface LearnedTimeDocument extends LearnedTime {
  /** Series and size, as JSON text. */
  readonly _id: string;
  /** When it was last saved, by the server's clock. */
  readonly savedAt: Date;
}

/** The collection `learned_times`. */
export class MongoLearnedTimes {
  readonly #collection: Collection<LearnedTimeDocument>;

  constructor(collection: Collection<LearnedTimeDocument>) {
    this.#collection = collection;
  }

  async load(): Promise<readonly LearnedTime[]> {
    const found = await this.#collection.find().toArray();
    return found.map(({ _id, savedAt, ...time }) => time);
  }

  async save(times: readonly LearnedTime[]): Promise<void> {
    if (times.length === 0) return;
    await this.#collection.bulkWrite(times.map(mergeOf), { ordered: false });
    const surplus = await this.#collection
      .find({}, { projection: { _id: 1 } })
      .sort({ savedAt: -1 })
      .skip(MAX_LEARNED_TIMES)
      .toArray();
    const ids = surplus.map(({ _id }) => _id);
    if (ids.length > 0) await this.#collection.deleteMany({ _id: { $in: ids } });
  }
}

/** The database itself compares, so that of two processes neither loses what the other saw. */
function mergeOf(time: LearnedTime): AnyBulkWriteOperation<LearnedTimeDocument> {
  const { series, sizeLog2, longestMs, average } = time;
  const update = {
    $setOnInsert: { series, sizeLog2 },
    $currentDate: { savedAt: true } as const,
    ...(longestMs !== undefined && { $max: { longestMs } }),
    ...(average !== undefined && { $set: { average } }),
  };
  return {
    updateOne: { filter: { _id: JSON.stringify([series, sizeLog2]) }, update, upsert: true },
  };
}
