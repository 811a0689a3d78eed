import { setTimeout as sleep } from "node:timers/promises";
import type { ChangeStream, Timestamp } from "mongodb";
import type { TaskStatus } from "../../domain/task.js";
import { backoffMs } from "../../lib/backoff.js";
import type { Logger } from "../../lib/logger.js";
import type { TaskChange } from "../task-reading.js";
import { ChangeFeed } from "../watch/change-feed.js";
import type { MongoDatabase } from "./database.js";
import type { TaskDocument } from "./document.js";
import { hasCode } from "./errors.js";

/** What {@link MongoChanges} needs besides a database. */
export interface MongoChangesOptions {
  /** Between two looks at a standalone server. */
  readonly pollMs: number;
  readonly logger: Logger | undefined;
}

/** What the stream yields of a change. */
interface ToldChange {
  readonly documentKey: { readonly _id: string };
  readonly change: { readonly rev: number; readonly status: TaskStatus };
}

const RETRY_PAUSE = { baseMs: 100, capMs: 5_000 };
/** How long the server waits for news before it answers that there are none. */
const AWAIT_MS = 1_000;
/** How far back to look for what was missed: clocks of two members may differ. */
const OVERLAP_MS = 60_000;
const POLL_OVERLAP_MS = 2_000;
/** Revisions told are remembered for so many tasks, those told last. */
const MAX_REMEMBERED = 50_000;

/**
 * Tells subscribers what any process changes, from {@link start} on. On a replica set by one change
 * stream, which goes on after a cut where it was: by the driver, by a stream of ours from the last
 * token, or, when the server's history does not reach back that far, by asking for everything
 * changed since. On a standalone server by asking that again and again.
 */
export class MongoChanges implements AsyncDisposable {
  readonly #options: MongoChangesOptions;
  readonly #feed: ChangeFeed;
  readonly #stop = new AbortController();
  /** The last revision told of each task. */
  readonly #told = new Map<string, number>();
  #loop: Promise<void> | undefined;
  #stream: ChangeStream<TaskDocument> | undefined;
  /** Where the stream begins: after a token, or at a time where there is none. */
  #resumeAfter: unknown;
  #startAt: Timestamp | undefined;
  /** Everything before was told. */
  #completeUntil = new Date(0);

  constructor(options: MongoChangesOptions) {
    const { logger } = options;
    this.#options = options;
    this.#feed = new ChangeFeed((error) => logger?.error({ err: error }, "a subscriber failed"));
  }

  /** @returns a function that ends the subscription. */
  subscribe(listener: (change: TaskChange) => void): () => void {
    return this.#feed.subscribe(listener);
  }

  /** Begins to follow a database; once. */
  start(database: MongoDatabase): void {
    this.#startAt = database.openedAt;
    this.#completeUntil = database.clock.beforeNow;
    this.#loop = this.#run(() =>
      database.isStandalone ? this.#poll(database) : this.#follow(database),
    );
  }

  /** Tells of a change, unless that or a later one of the same task was told. */
  tell(change: TaskChange): void {
    if (change.rev <= (this.#told.get(change.taskId) ?? 0)) return;
    this.#remember(change);
    this.#feed.publish([change]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#stream?.close().catch(() => undefined);
    await this.#loop;
  }

  /** Repeats `work`, which ends by throwing only, with a pause that grows while it fails at once. */
  async #run(work: () => Promise<void>): Promise<void> {
    for (let failureCount = 1; !this.#stop.signal.aborted; failureCount += 1) {
      const startedAtMs = performance.now();
      try {
        await work();
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        this.#options.logger?.warn({ err: error }, "watching for changes was cut, trying again");
      }
      if (performance.now() - startedAtMs > RETRY_PAUSE.capMs) failureCount = 1;
      const pauseMs = backoffMs(failureCount, RETRY_PAUSE);
      await sleep(pauseMs, undefined, { signal: this.#stop.signal }).catch(() => undefined);
    }
  }

  async #follow(database: MongoDatabase): Promise<void> {
    try {
      await this.#readStream(database);
    } catch (error) {
      if (!isHistoryLost(error)) throw error;
      this.#options.logger?.warn({ err: error }, "changes were missed, asking for all of them");
      await this.#startAnew(database);
    }
  }

  async #readStream({ collection, clock }: MongoDatabase): Promise<void> {
    const from = this.#resumeAfter
      ? { resumeAfter: this.#resumeAfter }
      : this.#startAt && { startAtOperationTime: this.#startAt };
    await using stream = collection.watch(PIPELINE, { maxAwaitTimeMS: AWAIT_MS, ...from });
    this.#stream = stream;
    while (!this.#stop.signal.aborted) {
      const askedAt = clock.beforeNow;
      const event = (await stream.tryNext()) as ToldChange | null;
      if (event) this.tell({ taskId: event.documentKey._id, ...event.change });
      else this.#completeUntil = askedAt;
      this.#resumeAfter = stream.resumeToken;
    }
  }

  /** The server no longer knows what came after our token: tells what has changed since, and goes on from now. */
  async #startAnew(database: MongoDatabase): Promise<void> {
    const { operationTime } = await database.collection.db.command({ hello: 1 });
    await this.#catchUp(database, OVERLAP_MS);
    this.#startAt = operationTime;
    this.#resumeAfter = undefined;
  }

  async #poll(database: MongoDatabase): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await this.#catchUp(database, POLL_OVERLAP_MS);
      await sleep(this.#options.pollMs, undefined, { signal: this.#stop.signal });
    }
  }

  async #catchUp({ tasks, clock }: MongoDatabase, overlapMs: number): Promise<void> {
    const askedAt = clock.beforeNow;
    const since = new Date(this.#completeUntil.getTime() - overlapMs);
    for await (const change of tasks.changesSince(since)) this.tell(change);
    this.#completeUntil = askedAt;
  }

  #remember({ taskId, rev }: TaskChange): void {
    this.#told.delete(taskId);
    this.#told.set(taskId, rev);
    const [oldest] = this.#told.keys();
    if (this.#told.size > MAX_REMEMBERED && oldest !== undefined) this.#told.delete(oldest);
  }
}

/** New revisions alone: a heartbeat is filtered out by the server. */
const PIPELINE = [
  {
    $match: {
      $or: [
        { operationType: "insert" },
        { "updateDescription.updatedFields.change": { $exists: true } },
      ],
    },
  },
  {
    $project: {
      documentKey: 1,
      change: { $ifNull: ["$fullDocument.change", "$updateDescription.updatedFields.change"] },
    },
  },
];

/** ChangeStreamHistoryLost, ChangeStreamFatalError, InvalidResumeToken. */
function isHistoryLost(error: unknown): boolean {
  return [286, 280, 260].some((code) => hasCode(error, code));
}
