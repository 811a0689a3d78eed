import { setTimeout as sleep } from "node:timers/promises";
import type { ClientSession } from "mongodb";
import { isTerminal, type Task } from "../../domain/task.js";
import { tenantOf } from "../../domain/tenant.js";
import { backoffMs } from "../../lib/backoff.js";
import { eventOf } from "../core/event-of.js";
import { followChunk } from "../core/film-changes.js";
import { createTask } from "../core/task-changes.js";
import type { TaskIds } from "../core/task-ids.js";
import { SlotTaken } from "../core/task-writes.js";
import type { NewTask } from "../task-intake.js";
import type { EndStatus } from "./counts.js";
import type { MongoDatabase } from "./database.js";
import { isDuplicateKey, VersionConflict } from "./errors.js";
import type { StoredTask } from "./stored-tasks.js";
import type { NewRow } from "./tasks.js";

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
 * Stores new tasks of one tenant and counts them, all or none; on a standalone server one by one.
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
      const now = await counts.noteCreated(requests.length, tenantOf(requests[0] ?? {}), session);
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

/** A task as it was read, and what it becomes. */
export type TaskWrite = readonly [stored: StoredTask, next: Task];

/** A task as it was stored, whether it got a new revision, and whether its webhook is to be told. */
interface SavedTask {
  readonly task: Task;
  readonly isRevised: boolean;
  readonly hasEvent: boolean;
}

/**
 * Stores what tasks become, all or none, and with it what the films of chunks become by that; counts the
 * tasks that end, and stores what webhooks are to be told of it.
 *
 * @param added chunks to be stored with them.
 * @param first what else is written with it, before.
 * @returns all written tasks: those that were given, in their order, then films.
 * @throws VersionConflict if one is no longer as it was read, SlotTaken.
 */
export async function saveTasks(
  database: MongoDatabase,
  given: readonly TaskWrite[],
  added: readonly Task[] = [],
  first?: (session: ClientSession | undefined) => Promise<void>,
): Promise<readonly SavedTask[]> {
  const { tasks, counts, outboxes, together } = database;
  const writes = [...given, ...given.flatMap(filmWrite)];
  const [only] = writes;
  if (only && writes.length === 1 && added.length === 0 && !first && isAlone(only))
    return [savedTask(only, await refusingSecondHolder(() => tasks.replace(...only)))];
  return await together(async (session) => {
    await first?.(session);
    const saved: SavedTask[] = [];
    for (const write of writes) {
      const next = await tasks.replace(...write, session);
      saved.push(savedTask(write, next));
      const event = eventOf(write[0].task, next);
      if (event) await outboxes.add(next, event, write[0].now, session);
      const end = endOf(write);
      if (end) await counts.noteEnded(end, tenantOf(next), session);
    }
    if (added.length > 0) await tasks.insert(added.map(newRow), session);
    return saved;
  });
}

/** What a chunk's change makes of its film; nothing if that stays as it is. */
function filmWrite([{ task, now, film }, next]: TaskWrite): readonly TaskWrite[] {
  if (film === undefined) return [];
  const followed = followChunk(film.task, task, next, now);
  return followed === film.task ? [] : [[film, followed]];
}

/** The terminal status that a task gets; undefined for a chunk, which is not counted. */
function endOf([{ task }, { status, chunk }]: TaskWrite): EndStatus | undefined {
  return status !== task.status && isEnd(status) && !chunk ? status : undefined;
}

/** Whether a task's change concerns no other document. */
function isAlone(write: TaskWrite): boolean {
  const [{ task }, next] = write;
  return endOf(write) === undefined && eventOf(task, next) === undefined;
}

function savedTask([{ task: before }]: TaskWrite, task: Task): SavedTask {
  const hasEvent = eventOf(before, task) !== undefined;
  return { task, isRevised: task.rev !== before.rev, hasEvent };
}

function newRow(task: Task): NewRow {
  return { task, requestHash: undefined };
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

function isEnd(status: Task["status"]): status is EndStatus {
  return isTerminal(status);
}
