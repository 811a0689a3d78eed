import type { ClientSession, Collection, Db, MongoClient, Timestamp } from "mongodb";
import type { Logger } from "../../lib/logger.js";
import { type DeletedDocument, MongoChangeLog } from "./change-log.js";
import { MongoChunks } from "./chunks.js";
import { ServerClock } from "./clock.js";
import { type CountDocument, MongoCounts } from "./counts.js";
import type { TaskDocument } from "./document.js";
import { type DutyDocument, MongoDuties } from "./duties.js";
import { unavailable } from "./errors.js";
import { MongoHistory } from "./history.js";
import { MongoKeys } from "./keys.js";
import { MongoLearnedTimes } from "./learned-times.js";
import { MongoOutboxes } from "./outboxes.js";
import { MongoQueue } from "./queue.js";
import { COLLECTIONS, prepareSchema } from "./schema.js";
import { StoredTasks } from "./stored-tasks.js";
import { MongoTasks } from "./tasks.js";
import { MongoTenants, type TurnDocument } from "./tenants.js";
import { MongoUploads, type UploadDocument } from "./upload-ledger.js";
import { MongoWorkflows, type WorkflowDocument } from "./workflows.js";

/** A database that is ready for use. */
export interface MongoDatabase {
  readonly storeId: string;
  /** A single server without a replica set: no transactions, no change streams. */
  readonly isStandalone: boolean;
  /** The cluster's time at the opening; only of a replica set. */
  readonly openedAt: Timestamp | undefined;
  readonly collection: Collection<TaskDocument>;
  readonly tasks: MongoTasks;
  readonly queue: MongoQueue;
  readonly chunks: MongoChunks;
  readonly counts: MongoCounts;
  readonly workflows: MongoWorkflows;
  readonly duties: MongoDuties;
  readonly learnedTimes: MongoLearnedTimes;
  readonly log: MongoChangeLog;
  readonly history: MongoHistory;
  readonly outboxes: MongoOutboxes;
  readonly keys: MongoKeys;
  readonly tenants: MongoTenants;
  readonly uploads: MongoUploads;
  readonly clock: ServerClock;
  /**
   * Runs `work` so that all of its writes are kept or none. When another transaction came in
   * between, `work` is run again and nothing of the first run is left. On a standalone server the
   * writes are kept one by one, in their order.
   */
  together<T>(work: (session: ClientSession | undefined) => Promise<T>): Promise<T>;
}

/** What a database is prepared with. */
export interface PrepareOptions {
  readonly client: MongoClient;
  readonly database: string;
  /** How long a transaction is tried, in milliseconds. */
  readonly callMs: number;
  readonly logger: Logger | undefined;
}

/**
 * Makes a database ready: collections, validator, indexes. Throws the driver's error when the
 * database cannot be reached.
 */
export async function prepareDatabase(options: PrepareOptions): Promise<MongoDatabase> {
  const { client, callMs, logger } = options;
  const db = client.db(options.database);
  const clock = new ServerClock();
  const hello = await db.command({ hello: 1 });
  clock.note(hello["localTime"]);
  const isStandalone = hello["setName"] === undefined && hello["msg"] !== "isdbgrid";
  if (isStandalone) logger?.warn(STANDALONE);
  const storeId = await prepareSchema(db, logger);
  return {
    storeId,
    isStandalone,
    openedAt: isStandalone ? undefined : hello["operationTime"],
    ...openCollections(db, clock, isStandalone),
    clock,
    together: (work) => (isStandalone ? work(undefined) : inTransaction(client, work, callMs)),
  };
}

const STANDALONE =
  "the database is a standalone server: changes of other processes are polled for, and after a crash of a process the count of ended tasks may be short by one; webhooks are refused; start it with --replSet, as a set of one, to be rid of all three";

function openCollections(db: Db, clock: ServerClock, isStandalone: boolean) {
  const collection = db.collection<TaskDocument>(COLLECTIONS.tasks);
  const stored = new StoredTasks(collection, clock);
  const counts = db.collection<CountDocument>(COLLECTIONS.counts);
  const deleted = db.collection<DeletedDocument>(COLLECTIONS.deleted);
  return {
    collection,
    tasks: new MongoTasks(collection, stored, clock),
    queue: new MongoQueue(collection, stored, clock),
    chunks: new MongoChunks(collection),
    counts: new MongoCounts(counts, collection, isStandalone),
    workflows: new MongoWorkflows(db.collection<WorkflowDocument>(COLLECTIONS.workflows)),
    duties: new MongoDuties(db.collection<DutyDocument>(COLLECTIONS.duties)),
    learnedTimes: new MongoLearnedTimes(db.collection(COLLECTIONS.learnedTimes)),
    history: new MongoHistory(db.collection(COLLECTIONS.history), db),
    keys: new MongoKeys(db, clock),
    tenants: new MongoTenants(
      collection,
      db.collection<TurnDocument>(COLLECTIONS.turns),
      isStandalone,
    ),
    uploads: new MongoUploads(db.collection<UploadDocument>(COLLECTIONS.uploads)),
    log: new MongoChangeLog(collection, deleted, clock),
    outboxes: new MongoOutboxes(db.collection(COLLECTIONS.outbox), collection, clock),
  };
}

/**
 * Limits how long a transaction is tried: the driver alone would go on for two minutes, long after
 * the caller was told that it failed.
 */
async function inTransaction<T>(
  client: MongoClient,
  work: (session: ClientSession) => Promise<T>,
  limitMs: number,
): Promise<T> {
  const deadline = performance.now() + limitMs;
  const once = async (session: ClientSession): Promise<T> => {
    if (performance.now() > deadline) throw unavailable("a transaction took too long");
    return await work(session);
  };
  return await client.withSession((session) =>
    session.withTransaction(once, {
      readConcern: { level: "snapshot" },
      writeConcern: { w: "majority", journal: true },
    }),
  );
}
