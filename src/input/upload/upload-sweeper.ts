import type { Logger } from "../../lib/logger.js";
import type { ObjectStorage } from "../../storage/object-storage.js";
import { taskPages } from "../../store/task-pages.js";
import type { TaskReading } from "../../store/task-reading.js";
import { UPLOADS_FOLDER, uploadKeyOf } from "./upload-key.js";

/** Options of {@link UploadSweeper}. */
export interface UploadSweeperOptions {
  readonly storage: Pick<ObjectStorage, "list" | "remove">;
  readonly store: Pick<TaskReading, "list">;
  /** How long after an upload tasks can be created with it. */
  readonly ttlMs: number;
  readonly logger: Logger;
}

const INTERVAL_MS = 600_000;
/**
 * Added to the lifetime of uploads. It is longer than storing a task takes, and longer than clocks
 * differ.
 */
const MARGIN_MS = 3_600_000;

/**
 * Removes expired uploads that no task needs. No new task can be created with an expired upload, so
 * the number of tasks that name it only falls. When all of them have ended, the upload is removed.
 * Several replicas may sweep at the same time.
 */
export class UploadSweeper implements AsyncDisposable {
  readonly #options: UploadSweeperOptions;
  readonly #stop = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #sweeping: Promise<void> | undefined;
  /** The uploads that the last sweep found expired and not needed by an open task. */
  #unneeded: ReadonlySet<string> = new Set();

  constructor(options: UploadSweeperOptions) {
    this.#options = options;
    this.#timer = setInterval(() => {
      this.#sweeping ??= this.#sweepQuietly().finally(() => {
        this.#sweeping = undefined;
      });
    }, INTERVAL_MS);
  }

  /**
   * Sweeps once. An upload is removed only when two sweeps in a row find that no task needs it,
   * because one sweep can miss a task that changes its status while tasks are listed.
   */
  async sweep(): Promise<void> {
    const { storage, logger } = this.#options;
    const { signal } = this.#stop;
    const expired = await this.#expired();
    const needed = expired.length === 0 ? new Set() : await this.#namedByOpenTasks();
    const unneeded = expired.filter((key) => !needed.has(key));
    const removed = unneeded.filter((key) => this.#unneeded.has(key));
    this.#unneeded = new Set(unneeded);
    for (const key of removed) await storage.remove(key, signal);
    if (removed.length > 0) logger.info({ count: removed.length }, "expired uploads removed");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.#stop.abort();
    await this.#sweeping;
  }

  async #sweepQuietly(): Promise<void> {
    try {
      await this.sweep();
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      this.#options.logger.warn({ err: error }, "expired uploads not removed");
    }
  }

  async #expired(): Promise<string[]> {
    const { storage, ttlMs } = this.#options;
    const keys: string[] = [];
    const beforeMs = Date.now() - ttlMs - MARGIN_MS;
    for await (const { key, modifiedAt } of storage.list(UPLOADS_FOLDER, this.#stop.signal))
      if (modifiedAt.getTime() < beforeMs) keys.push(key);
    return keys;
  }

  /** Pending ones twice: a task that is put back meanwhile would be neither here nor there. */
  async #namedByOpenTasks(): Promise<Set<string | undefined>> {
    const keys = new Set<string | undefined>();
    for (const status of ["pending", "processing", "pending"] as const)
      for await (const { tasks } of taskPages(this.#options.store, {
        status,
        pageSize: Infinity,
      })) {
        this.#stop.signal.throwIfAborted();
        for (const { params } of tasks) keys.add(uploadKeyOf(params.url));
      }
    return keys;
  }
}
