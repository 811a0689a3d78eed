import type { Db } from "mongodb";
import type { Task } from "../../src/domain/task.js";
import { toDocument } from "../../src/store/mongo-document.js";
import { COLLECTIONS } from "../../src/store/mongo-schema.js";
import { createTask, settleTask } from "../../src/store/task-changes.js";
import { TaskIds } from "../../src/store/task-ids.js";
import type { NewTask } from "../../src/store/task-store.js";
import { aTask, COMPLETED } from "./task-store-builders.js";

/** How many tasks of which kind to store. */
export interface Seed {
  readonly completedCount: number;
  /** Due already. */
  readonly pendingCount: number;
  /** Due in an hour. */
  readonly delayedCount?: number;
  /** Their parameters, priority or workflow. */
  readonly task?: (index: number) => Partial<NewTask>;
}

const BATCH_COUNT = 5_000;

/** Stores many tasks at once, past the store but with its documents and counted like its own. */
export async function seedTasks(db: Db, seed: Seed): Promise<void> {
  const { completedCount, pendingCount, delayedCount = 0, task } = seed;
  const now = new Date(Date.now() - 3_600_000);
  const later = new Date(Date.now() + 3_600_000);
  const ids = new TaskIds();
  const total = completedCount + pendingCount + delayedCount;
  const make = (index: number): Task => {
    const notBefore = index >= completedCount + pendingCount ? { notBefore: later } : {};
    const at = new Date(now.getTime() + index / 1_000);
    const created = createTask(
      { ...aTask(), ...notBefore, ...task?.(index) },
      ids.next(at.getTime()),
      at,
    );
    return index < completedCount ? settleTask(created, COMPLETED, at) : created;
  };
  for (let from = 0; from < total; from += BATCH_COUNT) {
    const count = Math.min(BATCH_COUNT, total - from);
    const documents = Array.from({ length: count }, (_, index) => ({
      ...toDocument(make(from + index), undefined),
      changedAt: now,
    }));
    await db.collection<(typeof documents)[number]>(COLLECTIONS.tasks).insertMany(documents);
  }
  await db
    .collection<{ _id: string }>(COLLECTIONS.counts)
    .updateOne(
      { _id: "shard-0" },
      { $inc: { created: total, completed: completedCount } },
      { upsert: true },
    );
}
