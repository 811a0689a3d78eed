import { setTimeout as sleep } from "node:timers/promises";
import { isTerminal, type Task } from "../../domain/task.js";
import { backoffMs } from "../../lib/backoff.js";
import { createTask } from "../core/task-changes.js";
import type { TaskIds } from "../core/task-ids.js";
import { SlotTaken } from "../core/task-writes.js";
import type { NewTask } from "../task-intake.js";
import type { MongoDatabase } from "./database.js";
import { isDuplicateKey, VersionConflict } from "./errors.js";
import type { StoredTask } from "./tasks.js";

const CONFLICT_PAUSE = { baseMs: 4, capMs: 250 };
const MAX_TRIES = 40;

/**
 * Repeats `work` (read, decide, write), with a growing pause, as long as another process writes the
 * same task in between.
 *
 * @throws VersionConflict when no try succeeded.
 */
export async function retryOnConflict<T>(work: () => Promise<T>): Promise<T> {
  for (let tryCount = 1; ; tryCount += 1) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof VersionConflict) || tryCount === MAX_TRIES) throw error;
    }
    await sleep(backoffMs(tryCount, CONFLICT_PAUSE));
  }
}

/**
 * Stores new tasks and counts them, all or none; on a standalone server one by one.
 *
 * @throws VersionConflict if another task with the same idempotency key was first.
 */
export async function saveNew(
  { tasks, counts, together }: MongoDatabase,
  requests: readonly NewTask[],
  ids: TaskIds,
): Promise<readonly Task[]> {
  if (requests.length === 0) return [];
  try {
    const saved = await together(async (session) => {
      const now = await counts.noteCreated(requests.length, session);
      const made = requests.map((request) => ({
        task: createTask(request, ids.next(now.getTime()), now),
        requestHash: request.idempotency?.requestHash,
      }));
      await tasks.insert(made, session);
      return made.map(({ task }) => task);
    });
    // A copy, so that the caller's objects are no part of it.
    return structuredClone(saved);
  } catch (error) {
    if (isDuplicateKey(error)) throw new VersionConflict("The key was taken", { cause: error });
    throw error;
  }
}

/**
 * Stores a task's next state, and counts it if the task ends.
 *
 * @returns the task with its revision.
 * @throws VersionConflict if the task is no longer as it was read, SlotTaken.
 */
export async function saveTask(
  { tasks, counts, together }: MongoDatabase,
  stored: StoredTask,
  next: Task,
): Promise<Task> {
  const { status } = next;
  if (status === stored.task.status || !isEnd(status))
    return await refusingSecondHolder(() => tasks.replace(stored, next));
  return await together(async (session) => {
    const saved = await tasks.replace(stored, next, session);
    await counts.noteEnded(status, session);
    return saved;
  });
}

/** Throws SlotTaken for a duplicate key: of the fields in an update, only the slot is unique. */
async function refusingSecondHolder<T>(update: () => Promise<T>): Promise<T> {
  try {
    return await update();
  } catch (error) {
    if (isDuplicateKey(error)) throw new SlotTaken("Another task holds it", { cause: error });
    throw error;
  }
}

function isEnd(status: Task["status"]): status is "completed" | "failed" | "canceled" {
  return isTerminal(status);
}
