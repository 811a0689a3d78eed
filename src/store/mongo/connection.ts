import { setTimeout as sleep } from "node:timers/promises";
import { MongoClient, type MongoClientOptions, type TopologyDescription } from "mongodb";
import { TaskError } from "../../domain/errors.js";
import { backoffMs } from "../../lib/backoff.js";
import type { Logger } from "../../lib/logger.js";
import { type MongoDatabase, prepareDatabase } from "./database.js";
import { isOutage, isRefusal, translateError, unavailable } from "./errors.js";

/** How a database is reached. */
export interface MongoConnectionOptions {
  readonly uri: string;
  readonly database: string;
  /** How long a call waits for a server that can take it, in milliseconds. */
  readonly selectionMs: number;
  /** How long a call waits in all, in milliseconds. */
  readonly callMs: number;
  readonly logger: Logger | undefined;
  /** Called once, when the database is ready for the first time. */
  readonly onReady: (database: MongoDatabase) => void;
}

const RETRY_PAUSE = { baseMs: 500, capMs: 10_000 };

/**
 * The connection to one database. Until the database was reached once, we try to connect in the
 * background and refuse every call at once. From then on it is `ready` for good: the driver finds a
 * new primary by itself, and calls wait for that within their limit.
 */
export class MongoConnection implements AsyncDisposable {
  readonly #options: MongoConnectionOptions;
  readonly #stop = new AbortController();
  #client: MongoClient | undefined;
  #database: MongoDatabase | undefined;
  #waiting: Promise<void> | undefined;

  private constructor(options: MongoConnectionOptions) {
    this.#options = options;
  }

  /**
   * Tries to connect once, and goes on in the background when the database cannot be reached.
   *
   * @throws TaskError STORE_UNAVAILABLE when the database was reached and refuses us: waiting
   *   would not help.
   */
  static async open(options: MongoConnectionOptions): Promise<MongoConnection> {
    const connection = new MongoConnection(options);
    try {
      await connection.#prepare();
    } catch (error) {
      if (!isOutage(error) || isRefusal(error)) throw cannotOpen(error);
      options.logger?.warn({ err: error }, "the database cannot be reached, waiting for it");
      connection.#waiting = connection.#wait();
    }
    return connection;
  }

  /** @throws TaskError STORE_UNAVAILABLE until it is ready, and once it is closed. */
  get database(): MongoDatabase {
    if (this.#stop.signal.aborted) throw unavailable("it is closed");
    if (!this.#database) throw unavailable("the database was not reached yet");
    return this.#database;
  }

  /**
   * Calls the database.
   *
   * @throws TaskError STORE_UNAVAILABLE, DISK_FULL.
   */
  async run<T>(work: (database: MongoDatabase) => Promise<T>): Promise<T> {
    const { callMs } = this.#options;
    try {
      return await withinLimit(work(this.database), callMs);
    } catch (error) {
      throw translateError(error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#client?.close();
    await this.#waiting;
  }

  /** Each try makes a new client: one that could not connect at first never does. */
  async #prepare(): Promise<void> {
    const { uri, logger } = this.#options;
    const client = new MongoClient(uri, clientOptions(this.#options));
    this.#client = client;
    try {
      this.#database = await prepareDatabase({ ...this.#options, client });
    } catch (error) {
      await client.close();
      throw error;
    }
    const { clock } = this.#database;
    client.on("serverHeartbeatSucceeded", ({ reply }) => {
      if (reply["isWritablePrimary"] === true) clock.note(reply["localTime"]);
    });
    client.on("topologyDescriptionChanged", ({ previousDescription, newDescription }) =>
      this.#onTopology(previousDescription, newDescription),
    );
    logger?.info({ database: this.#options.database }, "the database is ready");
    if (!this.#stop.signal.aborted) this.#options.onReady(this.#database);
  }

  async #wait(): Promise<void> {
    const { signal } = this.#stop;
    for (let tryCount = 1; !signal.aborted && !this.#database; tryCount += 1) {
      await sleep(backoffMs(tryCount, RETRY_PAUSE), undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      try {
        await this.#prepare();
      } catch (error) {
        if (signal.aborted) return;
        const level = isOutage(error) ? "warn" : "error";
        this.#options.logger?.[level]({ err: error }, "still waiting for the database");
      }
    }
  }

  #onTopology(before: TopologyDescription, after: TopologyDescription): void {
    if (this.#stop.signal.aborted) return;
    const { logger } = this.#options;
    if (isWritable(before) && !isWritable(after)) logger?.warn("the database has no primary");
    if (!isWritable(before) && isWritable(after)) logger?.info("the database has a primary");
  }
}

/**
 * Options that hold whatever the URI says: an acknowledged write is on the disks of a majority, and
 * reads see only such writes.
 */
function clientOptions({ selectionMs, callMs }: MongoConnectionOptions): MongoClientOptions {
  return {
    appName: "tmlsr",
    retryReads: true,
    retryWrites: true,
    readPreference: "primary",
    readConcern: { level: "majority" },
    writeConcern: { w: "majority", journal: true, wtimeoutMS: callMs },
    serverSelectionTimeoutMS: selectionMs,
    connectTimeoutMS: selectionMs,
    waitQueueTimeoutMS: callMs,
    socketTimeoutMS: callMs,
    ignoreUndefined: true,
  };
}

/** Waits for a call no longer than `limitMs`; an answer that comes later is dropped. */
async function withinLimit<T>(call: Promise<T>, limitMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(unavailable(`the database did not answer within ${limitMs} ms`)),
      limitMs,
    );
  });
  try {
    return await Promise.race([call, limit]);
  } finally {
    clearTimeout(timer);
    call.catch(() => undefined);
  }
}

function isWritable({ servers }: TopologyDescription): boolean {
  return [...servers.values()].some(({ isWritable }) => isWritable);
}

function cannotOpen(error: unknown): unknown {
  if (error instanceof TaskError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new TaskError("STORE_UNAVAILABLE", `Cannot open the store: ${reason}`, { cause: error });
}
