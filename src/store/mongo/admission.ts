import { TaskError } from "../../domain/errors.js";
import { replayOf } from "../core/admit.js";
import type { CreateResult, NewTask } from "../task-intake.js";
import type { MongoDatabase } from "./database.js";

/** The answer of {@link replayOf} to a request whose key belongs to a task already. */
export async function formerOf(
  { tasks }: MongoDatabase,
  { idempotency }: NewTask,
): Promise<CreateResult | undefined> {
  const former = idempotency && (await tasks.findByKey(idempotency.key));
  return former && idempotency && replayOf(former, idempotency);
}

/** @throws TaskError STORE_WITHOUT_TRANSACTIONS */
export function refuseStandalone({ isStandalone }: MongoDatabase, what: string): void {
  if (!isStandalone) return;
  const message = `Cannot ${what}: the database is a standalone server; start it with --replSet`;
  throw new TaskError("STORE_WITHOUT_TRANSACTIONS", message);
}

/** @throws TaskError STORE_WITHOUT_TRANSACTIONS for a task with a webhook. */
export function refuseWebhook(database: MongoDatabase, { webhook }: NewTask): void {
  if (webhook !== undefined) refuseStandalone(database, "take a task with a webhook");
}

export async function isFull({ counts }: MongoDatabase, maxPendingCount: number): Promise<boolean> {
  return Number.isFinite(maxPendingCount) && (await counts.read()).pending >= maxPendingCount;
}

/** The first of what was stored. */
export function firstOf<T>(stored: readonly T[]): T {
  const [first] = stored;
  if (first === undefined) throw new Error("A task was to be stored and is not there");
  return first;
}
