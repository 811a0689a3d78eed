import { setTimeout as sleep } from "node:timers/promises";
import type { Pool } from "../pool/pool.js";
import { type ServerView, viewServers } from "../pool/server-view.js";
import type { ObjectStorage } from "../storage/object-storage.js";
import type { TaskCounts, TaskReading } from "../store/task-reading.js";
import type { WorkflowCatalog } from "../workflow/catalog.js";
import { type TaskView, viewTask } from "./task-view.js";

/** The stats at one moment. */
export interface StatsView {
  readonly counts: TaskCounts;
  readonly servers: readonly ServerView[];
  /** The newest tasks, newest first. */
  readonly tasks: readonly TaskView[];
}

/** Whether the service can take and run work, and if not why. */
export interface Readiness {
  readonly ready: boolean;
  readonly reason?: string;
}

/** What the service works with. */
export interface MonitorServiceOptions {
  readonly store: TaskReading;
  readonly pool: Pool;
  readonly catalog: WorkflowCatalog;
  readonly storage: Pick<ObjectStorage, "url">;
}

/** How many of the newest tasks the stats show. */
const RECENT_TASK_COUNT = 50;

/** Tells operators how the service is doing. */
export class MonitorService {
  readonly #options: MonitorServiceOptions;

  constructor(options: MonitorServiceOptions) {
    this.#options = options;
  }

  /** The stats as they are now; cheap with a million tasks stored. */
  async stats(): Promise<StatsView> {
    const { store, pool, catalog, storage } = this.#options;
    const [counts, page] = await Promise.all([
      store.counts(),
      store.list({ pageSize: RECENT_TASK_COUNT }),
    ]);
    const tasks = await Promise.all(page.tasks.map((task) => viewTask(task, storage)));
    return { counts, servers: viewServers(pool, catalog.list()), tasks };
  }

  /** The stats at once, and again at most every `intervalMs` when they have changed. */
  async *watchStats(intervalMs: number, signal: AbortSignal): AsyncIterable<StatsView> {
    let last = "";
    while (!signal.aborted) {
      const stats = await this.stats();
      const shown = JSON.stringify(stats);
      if (shown !== last) yield stats;
      last = shown;
      await sleep(intervalMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Whether work can be taken and run: the store answers and a server is up. */
  async ready(): Promise<Readiness> {
    try {
      await this.#options.store.counts();
    } catch {
      return { ready: false, reason: "The store does not answer" };
    }
    const isUp = this.#options.pool.servers.some(
      ({ state }) => state === "ready" || state === "half_open",
    );
    return isUp ? { ready: true } : { ready: false, reason: "No server of the pool is ready" };
  }
}
