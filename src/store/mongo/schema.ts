import { randomUUID } from "node:crypto";
import type { Collection, Db, Document, IndexDescription } from "mongodb";
import { TaskError } from "../../domain/errors.js";
import type { Logger } from "../../lib/logger.js";
import { HISTORY_MINUTES } from "../history-archive.js";
import { DELETED_KEPT_MS } from "../task-following.js";
import { chunkStatus, type TaskDocument } from "./document.js";
import { hasCode } from "./errors.js";
import { OUTBOX_INDEXES } from "./outbox-schema.js";
import { UPLOAD_INDEXES } from "./upload-ledger.js";
import { VALIDATOR } from "./validator.js";

/** The collections of the store. */
export const COLLECTIONS = {
  tasks: "tasks",
  counts: "task_counts",
  workflows: "workflows",
  duties: "duties",
  learnedTimes: "learned_times",
  deleted: "deleted_tasks",
  history: "history",
  outbox: "webhook_outbox",
  audit: "audit",
  rateBuckets: "rate_buckets",
  turns: "tenant_turns",
  uploads: "tenant_uploads",
  meta: "meta",
} as const;

/** The indexes of `tasks` by the names under which queries ask for them. */
export const INDEX = {
  /** The oldest due tasks of some workflows, by priority. */
  head: "head",
  /** The due chunks of some workflows whose turn comes first, by priority. */
  chunkHead: "chunk_head",
  /** Pending tasks and chunks that still hold a slot. */
  keeper: "slot_keeper",
  /** When the next pending task becomes due. */
  due: "due",
  /** The same for chunks that were leased before. Others are due as soon as they are stored. */
  chunkRetry: "chunk_retry",
  /** Expired leases, films to be joined, and ended tasks that wait for their cleanup. */
  orphan: "orphan",
  /** One task at most for each slot. */
  slot: "slot",
  /** One task at most for each idempotency key. */
  idempotency: "idempotency",
  /** Lists, also by status; how many are processing; a film's chunks by status. */
  status: "status",
  /** Lists by label; and by label and status. */
  label: "label",
  labelStatus: "label_status",
  /** Lists of one tenant, also by status; how many of its tasks are processing; which tenants there are. */
  tenant: "tenant",
  /** Lists of one tenant by label. */
  tenantLabel: "tenant_label",
  /** The oldest due tasks of one tenant. */
  tenantHead: "tenant_head",
  /** Ended tasks without a cleanup to come, the oldest first. */
  ended: "ended",
  /** What changed since a moment, where the change stream cannot tell. */
  changed: "changed",
} as const;

/** What the store keeps about itself. */
export interface MetaDocument {
  readonly _id: "store";
  readonly storeId: string;
  /** The lowest schema a service must know to work with this database. */
  readonly schema: number;
}

/**
 * The schema of the database. Since 2 the service itself deletes ended tasks, after their objects;
 * a service that knows only 1 would have the server delete them. Since 3 there are chunks of films,
 * which a service that knows only 2 would take over as tasks. Since 4 there are webhooks, which a
 * service that knows only 3 would not tell. Since 5 tasks have tenants, whose tasks a service that knows
 * only 4 would show to all.
 */
const DATABASE_SCHEMA = 5;

/**
 * The index of schema 1 by which the server itself deleted ended tasks. That of schema 2 that is not
 * used any more, `keeper`, stays for services that still run: it has next to nothing in it.
 */
const FORMER_INDEX = "retention";

/**
 * Makes collections, validator and indexes, or corrects those that are not as they should be, and
 * brings a database of an older version of the service to this schema. Idempotent; several
 * processes may do it at once.
 *
 * @returns the store's id, made once for each database.
 * @throws TaskError STORE_UNAVAILABLE for a database that a newer version of the service uses.
 */
export async function prepareSchema(db: Db, logger: Logger | undefined): Promise<string> {
  const storeId = await claimDatabase(db);
  const { counts, workflows, learnedTimes, deleted } = COLLECTIONS;
  for (const name of [counts, workflows, learnedTimes, deleted]) await ensureCollection(db, name);
  await db.collection(deleted).createIndex({ deletedAt: 1 }, { expireAfterSeconds: KEPT_SECONDS });
  const hours = { expireAfterSeconds: 2 * 60 * HISTORY_MINUTES };
  await db.collection(COLLECTIONS.history).createIndex({ at: 1 }, hours);
  const unusedBuckets = { expireAfterSeconds: 86_400 };
  await db.collection(COLLECTIONS.rateBuckets).createIndex({ at: 1 }, unusedBuckets);
  await ensureCollection(db, COLLECTIONS.turns);
  await db.collection(COLLECTIONS.uploads).createIndexes([...UPLOAD_INDEXES]);
  await ensureCollection(db, COLLECTIONS.outbox);
  await db.collection(COLLECTIONS.outbox).createIndexes([...OUTBOX_INDEXES]);
  await ensureCollection(db, COLLECTIONS.tasks, VALIDATOR);
  const tasks = db.collection<TaskDocument>(COLLECTIONS.tasks);
  const madeNames = await ensureIndexes(tasks);
  if (madeNames.length > 0) logger?.info({ indexes: madeNames }, "indexes made");
  return storeId;
}

const KEPT_SECONDS = DELETED_KEPT_MS / 1000;

async function claimDatabase(db: Db): Promise<string> {
  const meta = db.collection<MetaDocument>(COLLECTIONS.meta);
  const found = await meta.findOneAndUpdate(
    { _id: "store" },
    { $setOnInsert: { storeId: randomUUID() }, $max: { schema: DATABASE_SCHEMA } },
    { upsert: true, returnDocument: "after" },
  );
  if (!found) throw new Error("The store's own document is not there");
  if (found.schema <= DATABASE_SCHEMA) return found.storeId;
  throw new TaskError(
    "STORE_UNAVAILABLE",
    `Cannot open the store: its schema has version ${found.schema}, this service knows versions up to ${DATABASE_SCHEMA}; start a newer service`,
  );
}

async function ensureCollection(db: Db, name: string, validator?: Document): Promise<void> {
  const [found] = await db.listCollections({ name }, { nameOnly: false }).toArray();
  if (!found) await createCollection(db, name, validator);
  else if (validator && JSON.stringify(found.options?.["validator"]) !== JSON.stringify(validator))
    await db.command({ collMod: name, validator });
}

async function createCollection(db: Db, name: string, validator?: Document): Promise<void> {
  try {
    await db.createCollection(name, { ...(validator && { validator }) });
  } catch (error) {
    // Another process was faster.
    if (!hasCode(error, 48)) throw error;
  }
}

/** @returns the names of the indexes that were missing. */
async function ensureIndexes(tasks: Collection<TaskDocument>): Promise<string[]> {
  const before = new Set((await tasks.indexes()).map(({ name }) => name));
  if (before.has(FORMER_INDEX)) await dropIndex(tasks, FORMER_INDEX);
  const missing = INDEXES.filter(({ name }) => !before.has(name));
  if (missing.length > 0) await tasks.createIndexes([...missing]);
  return missing.map(({ name }) => name);
}

async function dropIndex(tasks: Collection<TaskDocument>, name: string): Promise<void> {
  try {
    await tasks.dropIndex(name);
  } catch (error) {
    // Another process was faster.
    if (!hasCode(error, 27)) throw error;
  }
}

const INDEXES: readonly (IndexDescription & { readonly name: string })[] = [
  {
    name: INDEX.head,
    key: { workflow: 1, priority: -1, dueAt: 1, _id: 1 },
    partialFilterExpression: { status: "pending" },
  },
  {
    name: INDEX.chunkHead,
    // The last two decide whether a chunk may go, before it is read.
    key: { workflow: 1, priority: -1, turnAt: 1, _id: 1, dueAt: 1, "chunk.film": 1 },
    partialFilterExpression: { status: chunkStatus("pending") },
  },
  {
    name: INDEX.keeper,
    key: { status: 1, priority: -1, dueAt: 1, _id: 1 },
    partialFilterExpression: { slot: { $exists: true } },
  },
  {
    name: INDEX.due,
    key: { status: 1, dueAt: 1 },
    partialFilterExpression: { status: "pending" },
  },
  {
    name: INDEX.chunkRetry,
    key: { status: 1, dueAt: 1 },
    partialFilterExpression: { status: chunkStatus("pending"), epoch: { $gt: 0 } },
  },
  {
    name: INDEX.orphan,
    key: { orphanAt: 1, _id: 1 },
    partialFilterExpression: { orphanAt: { $exists: true } },
  },
  {
    name: INDEX.slot,
    key: { slot: 1 },
    unique: true,
    partialFilterExpression: { slot: { $exists: true } },
  },
  {
    name: INDEX.idempotency,
    key: { "idempotency.key": 1 },
    unique: true,
    partialFilterExpression: { idempotency: { $exists: true } },
  },
  { name: INDEX.status, key: { status: 1, _id: -1 } },
  {
    name: INDEX.label,
    key: { labels: 1, _id: -1 },
    partialFilterExpression: { labels: { $exists: true } },
  },
  {
    name: INDEX.labelStatus,
    key: { labels: 1, status: 1, _id: -1 },
    partialFilterExpression: { labels: { $exists: true } },
  },
  { name: INDEX.tenant, key: { tenant: 1, status: 1, _id: -1 } },
  {
    name: INDEX.tenantLabel,
    key: { tenant: 1, labels: 1, status: 1, _id: -1 },
    partialFilterExpression: { labels: { $exists: true } },
  },
  {
    name: INDEX.tenantHead,
    key: { tenant: 1, workflow: 1, priority: -1, dueAt: 1, _id: 1 },
    partialFilterExpression: { status: "pending" },
  },
  {
    name: INDEX.ended,
    key: { retainedSince: 1, _id: 1 },
    partialFilterExpression: { retainedSince: { $exists: true } },
  },
  { name: INDEX.changed, key: { changedAt: 1 } },
];
