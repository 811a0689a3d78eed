import type { ClientSession } from "mongodb";
import { byTurn } from "../../domain/queue-order.js";
import { nextLease } from "../core/lease-order.js";
import type { LeaseRequest } from "../task-queue.js";
import type { MongoDatabase } from "./database.js";
import { VersionConflict } from "./errors.js";
import type { MongoQueue } from "./queue.js";
import type { StoredTask } from "./stored-tasks.js";

/** The task to lease, and the heads it passes, as read. */
export interface StoredLease {
  readonly next: StoredTask;
  readonly passed: readonly StoredTask[];
  /** To be written with the lease of a task whose tenant is capped, before it. */
  readonly takeTurn?: ((session: ClientSession | undefined) => Promise<void>) | undefined;
}

/** Which tasks are not looked at. */
interface Restriction {
  /** Films that have as many chunks in hands as they may. */
  readonly busy: readonly string[];
  /** The tenants whose tasks may be leased; undefined: all. */
  readonly tenants: readonly string[] | undefined;
}

const MAX_CROWD = 32;
const CALM_MS = 1_000;

/**
 * Estimates how many processes lease at this moment. Usually it is one, which takes the head of the
 * queue. Each conflict proves that there are others. The process then takes one of the first few
 * tasks at random, so that they stop fighting for the same one; all of these tasks are being leased
 * now.
 */
export class LeaseCrowd {
  #size = 1;
  #lastConflictMs = 0;

  /** A place in the queue to take a task from, from 0. */
  place(): number {
    if (performance.now() - this.#lastConflictMs > CALM_MS) this.#size = 1;
    return Math.floor(Math.random() * this.#size);
  }

  /** Runs `work`, and notes it when another process was faster. */
  async noting<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof VersionConflict) this.#noteConflict();
      throw error;
    }
  }

  #noteConflict(): void {
    this.#size = Math.min(MAX_CROWD, this.#size * 2);
    this.#lastConflictMs = performance.now();
  }
}

/**
 * The task to lease: one that holds a slot, else by {@link nextLease}. Of a film with too many chunks in
 * hands none is leased while anything else is due, of a tenant with too many running tasks none at all.
 *
 * @param place how far behind the head to take it from, where the queue is that long.
 */
export async function nextStoredLease(
  database: MongoDatabase,
  request: LeaseRequest,
  place: number,
): Promise<StoredLease | undefined> {
  const { tasks, queue, chunks } = database;
  const { maxFilmServers, maxRunning } = request;
  const busy = maxFilmServers === undefined ? [] : await chunks.findBusyFilms(maxFilmServers);
  const turns = maxRunning && (await database.tenants.readTurns(maxRunning));
  const tenants = turns?.inTurn;
  const [keeper, first] = await Promise.all([
    queue.findKeeper(),
    firstDue(queue, request.workflows, { busy, tenants }, place),
  ]);
  if (keeper) return { next: await tasks.withFilm(keeper), passed: [] };
  const lease =
    (await nextOf(database, request, { busy, tenants }, first)) ??
    (busy.length > 0 ? await nextOfAllFilms(database, request, tenants, place) : undefined);
  if (!lease || !turns?.isCounted(lease.next.task)) return lease;
  return { ...lease, takeTurn: (session) => turns.take(lease.next.task, session) };
}

async function nextOfAllFilms(
  database: MongoDatabase,
  request: LeaseRequest,
  tenants: Restriction["tenants"],
  place: number,
): Promise<StoredLease | undefined> {
  const all = { busy: [], tenants };
  const first = await firstDue(database.queue, request.workflows, all, place);
  return await nextOf(database, request, all, first);
}

/** The due task or chunk whose turn comes first, or one that is `place` behind it. */
async function firstDue(
  queue: MongoQueue,
  workflows: readonly string[],
  { busy, tenants }: Restriction,
  place: number,
): Promise<StoredTask | undefined> {
  const found = await Promise.all([
    queue.findDue(workflows, place, undefined, tenants),
    queue.findDueChunk(workflows, place, busy),
  ]);
  const [first] = found.filter((one) => one !== undefined).sort(byStoredTurn);
  return first;
}

async function nextOf(
  { tasks, queue }: MongoDatabase,
  request: LeaseRequest,
  restriction: Restriction,
  first: StoredTask | undefined,
): Promise<StoredLease | undefined> {
  if (!first) return undefined;
  const isPreferred = request.prefer.length === 0 || request.prefer.includes(first.task.workflow);
  const lease = isPreferred
    ? { next: first, passed: [] }
    : await nextAmongHeads(queue, request, restriction, first.task.priority);
  return lease && { ...lease, next: await tasks.withFilm(lease.next) };
}

/** For an oldest task whose workflow is not preferred: a task of a preferred one may pass it. */
async function nextAmongHeads(
  queue: MongoQueue,
  request: LeaseRequest,
  { busy, tenants }: Restriction,
  priority: number,
): Promise<StoredLease | undefined> {
  const names = [...new Set(request.workflows)];
  const found = await Promise.all(
    names.flatMap((name) => [
      queue.findDue([name], 0, priority, tenants),
      queue.findDueChunk([name], 0, busy, priority),
    ]),
  );
  const heads = new Map(found.flatMap((head) => (head ? [[head.task.taskId, head]] : [])));
  const now = heads.values().next().value?.now;
  const all = Array.from(heads.values(), ({ task }) => task);
  const lease = now && nextLease(all, request, now);
  const next = lease && heads.get(lease.task.taskId);
  const passed = lease?.passed.flatMap(({ taskId }) => heads.get(taskId) ?? []) ?? [];
  return next && { next, passed };
}

function byStoredTurn(a: StoredTask, b: StoredTask): number {
  return byTurn(a.task, b.task);
}
