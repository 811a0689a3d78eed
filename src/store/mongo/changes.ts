import { setTimeout as sleep } from "node:timers/promises";
import type { ChangeStream, Timestamp } from "mongodb";
import type { TaskStatus } from "../../domain/task.js";
import { backoffMs } from "../../lib/backoff.js";
import type { Logger } from "../../lib/logger.js";
import { TASK_ID } from "../core/task-ids.js";
import { DELETED_REV, type TaskChange } from "../task-reading.js";
import { ChangeFeed } from "../watch/change-feed.js";
import type { MongoDatabase } from "./database.js";
import type { TaskDocument } from "./document.js";
import { hasCode } from "./errors.js";

/** What {@link MongoChanges} needs besides a database. */
export interface MongoChangesOptions {
  /** Milliseconds between two looks for changes on a standalone server. */
  readonly pollMs: number;
  readonly logger: Logger | undefined;
}

/** The part of a change that the stream yields. */
interface ToldChange {
  readonly clusterTime: Timestamp;
  readonly documentKey: { readonly _id: string };
  /** Absent where the task was deleted. */
  readonly change?: { readonly rev: number; readonly status: TaskStatus };
}

const RETRY_PAUSE = { baseMs: 100, capMs: 5_000 };
/** How long the server waits for news before it answers that there are none. */
const AWAIT_MS = 1_000;
/** How far back to look for missed changes: the clocks of two members may differ. */
const OVERLAP_MS = 60_000;
const POLL_OVERLAP_MS = 2_000;
/** How many tasks' last told revisions are remembered; the oldest are forgotten first. */
const MAX_REMEMBERED = 50_000;

/**
 * Tells subscribers of changes by any process, from {@link start} on. On a replica set they come
 * from one change stream. After a cut the stream goes on where it was: the driver resumes it, or we
 * open a new one after the last token. When the server's history does not reach back that far, we
 * ask for everything changed since. On a standalone server we ask for that again and again.
 */
export class MongoChanges implements AsyncDisposable {
  readonly #options: MongoChangesOptions;
  readonly #feed: ChangeFeed;
  readonly #stop = new AbortController();
  /** The last revision told of each task. */
  readonly #told = new Map<string, number>();
  #loop: Promise<void> | undefined;
  #stream: ChangeStream<TaskDocument> | undefined;
  /** Where the stream begins: after a token, or at a time if there is no token. */
  #resumeAfter: unknown;
  #startAt: Timestamp | undefined;
  /** Every change before this time was told. */
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

  /** Where whoever was told of everything up to now goes on. */
  get position(): string {
    return String(this.#completeUntil.getTime());
  }

  /** Begins to follow a database; once. */
  start(database: MongoDatabase): void {
    this.#startAt = database.openedAt;
    this.#completeUntil = database.clock.beforeNow;
    this.#loop = this.#run(() =>
      database.isStandalone ? this.#poll(database) : this.#follow(database),
    );
  }

  /** Tells subscribers of a change, unless it or a later one of the same task was told already. */
  tell(change: Omit<TaskChange, "position">): void {
    if (change.rev <= (this.#told.get(change.taskId) ?? 0)) return;
    this.#remember(change);
    this.#feed.publish([{ ...change, position: this.position }]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#stream?.close().catch(() => undefined);
    await this.#loop;
  }

  /** Repeats `work`, which ends only by throwing. The pause grows while it fails at once. */
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
      if (event) this.#tellOf(event);
      else this.#completeUntil = askedAt;
      this.#resumeAfter = stream.resumeToken;
    }
  }

  /** The stream is in the order of the cluster's time, so all before an event were told. */
  #tellOf({ documentKey, change, clusterTime }: ToldChange): void {
    const taskId = documentKey._id;
    this.tell({ taskId, ...(change ?? { rev: DELETED_REV }) });
    const atMs = clusterTime.getHighBitsUnsigned() * 1000;
    if (atMs > this.#completeUntil.getTime()) this.#completeUntil = new Date(atMs);
  }

  /**
   * For when the server no longer knows what came after our token: tells what has changed since the
   * last complete time, and goes on from now.
   */
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

  async #catchUp({ tasks, log, clock }: MongoDatabase, overlapMs: number): Promise<void> {
    const askedAt = clock.beforeNow;
    const since = new Date(this.#completeUntil.getTime() - overlapMs);
    for await (const change of tasks.changesSince(since)) this.tell(change);
    for (const taskId of await log.deletedSince(since)) this.tell({ taskId, rev: DELETED_REV });
    this.#completeUntil = askedAt;
  }

  #remember({ taskId, rev }: Omit<TaskChange, "position">): void {
    this.#told.delete(taskId);
    this.#told.set(taskId, rev);
    const [oldest] = this.#told.keys();
    if (this.#told.size > MAX_REMEMBERED && oldest !== undefined) this.#told.delete(oldest);
  }
}

/** Selects new revisions of tasks alone: the server filters heartbeats and chunks out. */
const PIPELINE = [
  {
    $match: {
      "documentKey._id": TASK_ID,
      $or: [
        { operationType: { $in: ["insert", "delete"] } },
        { "updateDescription.updatedFields.change": { $exists: true } },
      ],
    },
  },
  {
    $project: {
      clusterTime: 1,
      documentKey: 1,
      change: { $ifNull: ["$fullDocument.change", "$updateDescription.updatedFields.change"] },
    },
  },
];

/** ChangeStreamHistoryLost, ChangeStreamFatalError, InvalidResumeToken. */
function isHistoryLost(error: unknown): boolean {
  return [286, 280, 260].some((code) => hasCode(error, code));
}
