import type { Collection, Filter } from "mongodb";
import type { Task } from "../../domain/task.js";
import { chunkStatus, type TaskDocument, toTask } from "./document.js";
import { INDEX } from "./schema.js";

/** The queries on the chunks of films alone. Each names its index, and looks at chunks of one film. */
export class MongoChunks {
  readonly #collection: Collection<TaskDocument>;

  constructor(collection: Collection<TaskDocument>) {
    this.#collection = collection;
  }

  /** The chunks of a film, in no order. */
  async find(filmId: string): Promise<readonly Task[]> {
    const found = await this.#collection.find({ _id: chunkIdsOf(filmId) }, { hint: "_id_" });
    return (await found.toArray()).map(toTask);
  }

  /** The films of which so many chunks are processed. */
  async findBusyFilms(runningCount: number): Promise<readonly string[]> {
    const found = this.#collection.aggregate<{ _id: string }>(
      [
        { $match: { status: chunkStatus("processing") } },
        { $group: { _id: { $substrBytes: ["$_id", 0, FILM_ID_LENGTH] }, count: { $sum: 1 } } },
        { $match: { count: { $gte: runningCount } } },
      ],
      { hint: INDEX.status },
    );
    return (await found.toArray()).map(({ _id }) => _id);
  }

  /** How many frames of a film's chunks that are processed are done; parts of chunks count. */
  async runningFrameCount(filmId: string): Promise<number> {
    const done = { $divide: [{ $multiply: ["$chunk.frameCount", "$progress"] }, 100] };
    const found = this.#collection.aggregate<{ frameCount: number }>(
      [
        { $match: { status: chunkStatus("processing"), _id: chunkIdsOf(filmId) } },
        { $group: { _id: null, frameCount: { $sum: done } } },
      ],
      { hint: INDEX.status },
    );
    const [sum] = await found.toArray();
    return sum?.frameCount ?? 0;
  }

  /** Ids of up to `limit` chunks of a film that have not ended. */
  async findUnfinished(filmId: string, limit: number): Promise<readonly string[]> {
    const options = { hint: INDEX.status, projection: { _id: 1 }, limit };
    const found = this.#collection.find(unfinished(filmId), options);
    return (await found.toArray()).map(({ _id }) => _id);
  }

  /** How many chunks of an ended film have not ended, `limit` at most, or wait for their cleanup. */
  async countOpen(filmId: string, limit: number): Promise<number> {
    const options = { hint: INDEX.status, limit };
    // In this order: one that ends in between is counted twice, and not left out.
    const unfinishedCount = await this.#collection.countDocuments(unfinished(filmId), options);
    const cleanupCount = await this.#collection.countDocuments(
      { orphanAt: { $exists: true }, status: { $in: ENDED }, _id: chunkIdsOf(filmId) },
      { hint: INDEX.orphan },
    );
    return unfinishedCount + cleanupCount;
  }
}

const FILM_ID_LENGTH = 32;
const ENDED = [chunkStatus("completed"), chunkStatus("failed"), chunkStatus("canceled")];

/** The ids of a film's chunks begin with its own and a hyphen, which a full stop follows. */
export function chunkIdsOf(filmId: string): { readonly $gt: string; readonly $lt: string } {
  return { $gt: `${filmId}-`, $lt: `${filmId}.` };
}

function unfinished(filmId: string): Filter<TaskDocument> {
  const statuses = [chunkStatus("pending"), chunkStatus("processing")];
  return { status: { $in: statuses }, _id: chunkIdsOf(filmId) };
}
