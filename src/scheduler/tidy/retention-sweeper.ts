import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Task } from "../../domain/task.js";
import type { Logger } from "../../lib/logger.js";
import { repeat } from "../../lib/repeat.js";
import type { ObjectStorage } from "../../storage/object-storage.js";
import type { Duties } from "../../store/duties.js";
import type { TaskRetention } from "../../store/task-retention.js";
import { removeObjects, removePreviews } from "./remove-objects.js";

/** What the sweeper works with. */
export interface RetentionSweeperOptions {
  readonly store: TaskRetention & Duties;
  readonly storage: Pick<ObjectStorage, "list" | "remove">;
  /** How long tasks are kept after their end. */
  readonly retentionMs: number;
  /** Whether the results of deleted tasks stay where they are. */
  readonly keepOutputs: boolean;
  readonly logger: Logger;
}

const DUTY = "retention";
const FIRST_PAUSE_MS = 2_000;
const PAUSE_MS = 60_000;
/** The longest pause while the storage or the store is down. */
const MAX_PAUSE_MS = 900_000;
/** After this a sweep begins nothing more. */
const SWEEP_LIMIT_MS = 60_000;
/** How long removing the objects of one task may take. */
const REMOVE_LIMIT_MS = 30_000;
/** Longer than a sweep: a removal that is begun before the sweep's limit ends within its own. */
const DUTY_LEASE_MS = 2 * (SWEEP_LIMIT_MS + REMOVE_LIMIT_MS);
const PAGE_SIZE = 100;
/** The pause between two pages: a backlog of years leaves room for everything else. */
const PAGE_PAUSE_MS = 20;
/** Tasks whose objects are removed at the same time. */
const AT_ONCE = 4;
/** A sweep with so many failures ends: the storage is down. */
const MAX_FAILURES = 10;

/**
 * Deletes tasks that ended long enough ago: first the objects of a task, then the task. A task
 * whose objects cannot be removed stays for the next sweep, and so does one whose sweeper dies in
 * between. One process at a time sweeps. When a frozen process comes back, two sweep at once, which
 * is harmless.
 */
export class RetentionSweeper {
  readonly #options: RetentionSweeperOptions;
  readonly #owner = randomUUID();

  constructor(options: RetentionSweeperOptions) {
    this.#options = options;
  }

  /**
   * Sweeps once, for a minute or so, the oldest tasks first. Does nothing while another process
   * sweeps.
   *
   * @throws the first error of removing objects, once the other tasks were tried; any error of
   *   the store.
   */
  async sweep(signal: AbortSignal): Promise<void> {
    const { store } = this.#options;
    try {
      await this.#sweepPages(signal);
    } finally {
      // The duty is given back for the next process. If the store is down, its lease runs out
      // instead.
      await store.leaseDuty(DUTY, this.#owner, 0).catch(() => undefined);
    }
  }

  async #sweepPages(signal: AbortSignal): Promise<void> {
    const { store, retentionMs, logger } = this.#options;
    const limitMs = performance.now() + SWEEP_LIMIT_MS;
    const errors: unknown[] = [];
    const isOver = (): boolean =>
      signal.aborted || errors.length >= MAX_FAILURES || performance.now() > limitMs;
    let count = 0;
    for (let isLast = false; !isLast && !isOver(); ) {
      if (!(await store.leaseDuty(DUTY, this.#owner, DUTY_LEASE_MS))) break;
      // The tasks that failed are still the oldest, so they are skipped.
      const tasks = await store.listExpired(retentionMs, PAGE_SIZE, errors.length);
      const freed = await this.#free(tasks, errors, isOver, signal);
      count += await store.deleteEnded(freed.map(({ taskId }) => taskId));
      isLast = tasks.length < PAGE_SIZE;
      if (!isLast) await sleep(PAGE_PAUSE_MS);
    }
    if (count > 0) logger.info({ count }, "expired tasks deleted");
    if (errors.length > 0) throw errors[0];
  }

  /** @returns the tasks whose objects are all removed. */
  async #free(
    tasks: readonly Task[],
    errors: unknown[],
    isOver: () => boolean,
    signal: AbortSignal,
  ): Promise<readonly Task[]> {
    const { storage, keepOutputs } = this.#options;
    const remove = keepOutputs ? removePreviews : removeObjects;
    const freed: Task[] = [];
    const queue = tasks.values();
    const work = async (): Promise<void> => {
      for (const task of queue) {
        if (isOver()) return;
        const limited = AbortSignal.any([signal, AbortSignal.timeout(REMOVE_LIMIT_MS)]);
        try {
          await remove(task, storage, limited);
          freed.push(task);
        } catch (error) {
          if (!signal.aborted) errors.push(error);
        }
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    return freed;
  }
}

/**
 * Sweeps every minute or so until it is disposed, less often while nothing can be removed. Without
 * a retention it never sweeps.
 */
export function repeatSweeps({
  retentionMs,
  ...options
}: Omit<RetentionSweeperOptions, "retentionMs"> & {
  readonly retentionMs?: number;
}): AsyncDisposable {
  if (retentionMs === undefined) return { [Symbol.asyncDispose]: async () => {} };
  const sweeper = new RetentionSweeper({ ...options, retentionMs });
  const onError = (error: unknown): void =>
    options.logger.warn({ err: error }, "expired tasks not deleted, trying again");
  const pauses = { firstPauseMs: FIRST_PAUSE_MS, pauseMs: PAUSE_MS, maxPauseMs: MAX_PAUSE_MS };
  return repeat((signal) => sweeper.sweep(signal), { ...pauses, onError });
}
