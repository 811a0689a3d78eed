import type { Label } from "../domain/task.js";
import type { Pool } from "../pool/pool.js";
import { type ServerView, viewServers } from "../pool/server-view.js";
import type { ObjectStorage } from "../storage/object-storage.js";
import type { HistoryArchive, HistoryMinute } from "../store/history-archive.js";
import type { TaskCounts, TaskReading } from "../store/task-reading.js";
import type { WorkflowCatalog } from "../workflow/catalog/catalog.js";
import { examine, type Finding } from "./doctor.js";
import { SampleStreams } from "./sample-streams.js";
import { Sampler } from "./sampler.js";
import { type TaskView, type ViewOptions, viewTask } from "./task-view.js";

/** The stats at one moment. */
export interface StatsView {
  readonly counts: TaskCounts;
  readonly servers: readonly ServerView[];
  /** The newest tasks, the newest first. */
  readonly tasks: readonly TaskView[];
}

/** Whether the service can take and run tasks, and the reason if it cannot. */
export interface Readiness {
  readonly ready: boolean;
  readonly reason?: string;
}

/** The objects that the service works with. */
export interface MonitorServiceOptions extends ViewOptions {
  readonly store: TaskReading;
  readonly pool: Pool;
  readonly catalog: WorkflowCatalog;
  readonly storage: Pick<ObjectStorage, "url" | "probe">;
  readonly history: Pick<HistoryArchive, "history" | "now">;
  /** Where this process keeps what is on its way. */
  readonly dataDir: string;
}

/** How many of the newest tasks the stats contain. */
const RECENT_TASK_COUNT = 50;

/**
 * Tells operators how the service is doing. What it tells is looked at once for all who ask: see
 * {@link Sampler}.
 */
export class MonitorService implements Disposable {
  readonly #options: MonitorServiceOptions;
  readonly #stats = new Sampler(() => this.#lookAtAll());
  readonly #readiness = new Sampler(() => this.#lookWhetherReady());
  readonly #findings = new Sampler(() => this.#examine());
  readonly #streams = new SampleStreams(this.#stats);
  readonly #unsubscribes: readonly (() => void)[];
  #shown: { readonly stats: StatsView; readonly text: string } | undefined;

  constructor(options: MonitorServiceOptions) {
    this.#options = options;
    this.#unsubscribes = [
      options.store.subscribe(() => this.#stats.changed()),
      options.pool.subscribe(() => {
        this.#stats.changed();
        this.#readiness.changed();
      }),
    ];
  }

  /**
   * The stats with every change that was told before the call; cheap with a million tasks stored. The
   * same object for as long as they look the same.
   *
   * @param labels only of the tasks with all of these, looked at anew. @default of all tasks
   */
  async stats(labels: readonly Label[] = []): Promise<StatsView> {
    return labels.length > 0 ? await this.#look(labels) : await this.#stats.latest();
  }

  /** The stats at once, and again at most every `intervalMs` when they have changed. */
  watchStats(intervalMs: number, signal: AbortSignal): AsyncIterable<StatsView> {
    return this.#streams.watch(intervalMs, signal);
  }

  /** Whether work can be taken and run: the store answers and a server is up. */
  async ready(): Promise<Readiness> {
    return await this.#readiness.latest();
  }

  /** The minutes of the last hour, the oldest first. */
  async history(): Promise<readonly HistoryMinute[]> {
    return await this.#options.history.history();
  }

  /** What is wrong, and what to do. */
  async doctor(): Promise<readonly Finding[]> {
    return await this.#findings.latest();
  }

  [Symbol.dispose](): void {
    for (const unsubscribe of this.#unsubscribes) unsubscribe();
  }

  async #examine(): Promise<readonly Finding[]> {
    return await examine(this.#options);
  }

  async #lookAtAll(): Promise<StatsView> {
    const stats = await this.#look();
    const text = JSON.stringify(stats);
    if (text !== this.#shown?.text) this.#shown = { stats, text };
    return this.#shown.stats;
  }

  async #look(labels: readonly Label[] = []): Promise<StatsView> {
    const { store, pool, catalog } = this.#options;
    const [counts, page] = await Promise.all([
      store.counts(labels),
      store.list({ pageSize: RECENT_TASK_COUNT, labels }),
    ]);
    const tasks = await Promise.all(page.tasks.map((task) => viewTask(task, this.#options)));
    return { counts, servers: viewServers(pool, catalog.list()), tasks };
  }

  async #lookWhetherReady(): Promise<Readiness> {
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
