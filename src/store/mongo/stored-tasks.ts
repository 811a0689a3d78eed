import type { Collection, Document, Filter, Sort } from "mongodb";
import type { Task } from "../../domain/task.js";
import type { ServerClock } from "./clock.js";
import { type TaskDocument, toTask } from "./document.js";

/** A task as it was read. A later write is refused if the task has changed since. */
export interface StoredTask {
  readonly task: Task;
  readonly version: number;
  /** The server's time at the reading. */
  readonly now: Date;
  /** Present if the task was created under an idempotency key. */
  readonly requestHash?: string;
  /** The film that it is a chunk of, where that was read with it. */
  readonly film?: StoredTask;
}

/** How documents are read. */
export interface ReadOptions {
  readonly hint: string;
  readonly sort?: Sort;
  readonly skip?: number;
  readonly limit?: number;
}

/** Reads tasks as they are stored, each with the server's time, which it tells the clock. */
export class StoredTasks {
  readonly #collection: Collection<TaskDocument>;
  readonly #clock: ServerClock;

  constructor(collection: Collection<TaskDocument>, clock: ServerClock) {
    this.#collection = collection;
    this.#clock = clock;
  }

  /** The first one, or with `skip` the one after so many others; the first if there are fewer. */
  async readAt(
    skip: number,
    query: Filter<TaskDocument>,
    options: ReadOptions,
  ): Promise<StoredTask | undefined> {
    const [found] = await this.read(query, { ...options, skip, limit: 1 });
    return found || skip === 0 ? found : await this.readAt(0, query, options);
  }

  async read(
    query: Filter<TaskDocument>,
    { hint, sort, skip = 0, limit }: ReadOptions,
  ): Promise<readonly StoredTask[]> {
    const pipeline: Document[] = [
      { $match: query },
      ...(sort ? [{ $sort: sort }] : []),
      ...(skip > 0 ? [{ $skip: skip }] : []),
      ...(limit === undefined ? [] : [{ $limit: limit }]),
      { $set: { now: "$$NOW" } },
    ];
    type Read = TaskDocument & { readonly now: Date };
    const found = await this.#collection.aggregate<Read>(pipeline, { hint }).toArray();
    return found.map((document) => this.#toStored(document));
  }

  #toStored({ now, ...document }: TaskDocument & { readonly now: Date }): StoredTask {
    this.#clock.note(now);
    const { version, idempotency } = document;
    const requestHash = idempotency?.requestHash;
    return {
      ...{ task: toTask(document), version, now },
      ...(requestHash !== undefined && { requestHash }),
    };
  }
}
