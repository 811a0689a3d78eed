import type { Db } from "mongodb";
import type { Task } from "../../src/domain/task.js";
import { createTask, settleTask } from "../../src/store/core/task-changes.js";
import { TaskIds } from "../../src/store/core/task-ids.js";
import { toDocument } from "../../src/store/mongo/document.js";
import { COLLECTIONS } from "../../src/store/mongo/schema.js";
import type { NewTask } from "../../src/store/task-intake.js";
import { aTask, COMPLETED } from "./task-store-builders.js";

/** The numbers of tasks to store, by kind. */
export interface Seed {
  readonly completedCount: number;
  /** Tasks that are already due. */
  readonly pendingCount: number;
  /** Tasks that are due in an hour. */
  readonly delayedCount?: number;
  /** Whose they are. @default `default` */
  readonly tenant?: string;
  /** Their parameters, priority or workflow. */
  readonly task?: (index: number) => Partial<NewTask>;
  /** After this time it stops early, with the tasks stored so far. @default none */
  readonly limitMs?: number;
}

const BATCH_COUNT = 5_000;

/**
 * Stores many tasks at once. It writes the store's documents and counts directly, without the
 * store.
 *
 * @returns the number of stored tasks.
 */
export async function seedTasks(db: Db, seed: Seed): Promise<number> {
  const { completedCount, pendingCount, delayedCount = 0, tenant, task, limitMs } = seed;
  const own = tenant === undefined ? {} : { tenant };
  const deadline = performance.now() + (limitMs ?? Number.POSITIVE_INFINITY);
  const now = new Date(Date.now() - 3_600_000);
  const later = new Date(Date.now() + 3_600_000);
  const ids = new TaskIds();
  const total = completedCount + pendingCount + delayedCount;
  const share = completedCount / total;
  // The kinds are spread evenly, so that an early stop does not change their shares.
  const isCompleted = (index: number) =>
    Math.floor((index + 1) * share) > Math.floor(index * share);
  let completed = 0;
  const make = (index: number): Task => {
    const notBefore = index >= total - delayedCount ? { notBefore: later } : {};
    const at = new Date(now.getTime() + index / 1_000);
    const created = createTask(
      { ...aTask(), ...own, ...notBefore, ...task?.(index) },
      ids.next(at.getTime()),
      at,
    );
    if (!isCompleted(index)) return created;
    completed += 1;
    return settleTask(created, COMPLETED, at);
  };
  let done = 0;
  for (let from = 0; from < total && performance.now() < deadline; from += BATCH_COUNT) {
    const count = Math.min(BATCH_COUNT, total - from);
    const documents = Array.from({ length: count }, (_, index) => ({
      ...toDocument(make(from + index), undefined),
      changedAt: now,
    }));
    await db
      .collection<(typeof documents)[number]>(COLLECTIONS.tasks)
      .insertMany(documents, { ordered: false });
    done += count;
  }
  await db
    .collection<{ _id: string }>(COLLECTIONS.counts)
    .updateOne(
      { _id: tenant === undefined ? "shard-0" : `${tenant}:shard-0` },
      { $inc: { created: done, completed } },
      { upsert: true },
    );
  return done;
}
