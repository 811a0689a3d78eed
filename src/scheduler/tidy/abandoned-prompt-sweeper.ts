import { TaskError } from "../../domain/errors.js";
import type { Logger } from "../../lib/logger.js";
import { MARK_KEY, type PromptMark, stopPrompt } from "../../pipeline/process-stage.js";
import type { Pool } from "../../pool/pool.js";
import type { PoolServer } from "../../pool/server/pool-server.js";
import type { FilmQueue } from "../../store/film-queue.js";
import type { TaskReading } from "../../store/task-reading.js";

/** What the sweeper works with. */
export interface AbandonedPromptSweeperOptions {
  readonly pool: Pool;
  readonly store: Pick<TaskReading & FilmQueue, "storeId" | "getUnit">;
  readonly logger: Logger;
}

/** Limits one sweep. It is longer than finding out that one prompt does not stop. */
const SWEEP_LIMIT_MS = 150_000;

/**
 * Cancels prompts that a server still holds for nobody: while the server was out of reach, their
 * task went elsewhere, or was canceled and cleaned up. The sweeper remembers nothing. Whenever a
 * server comes (back) up, it compares the prompts of our store in the server's queue with the
 * store's tasks.
 */
export class AbandonedPromptSweeper implements AsyncDisposable {
  readonly #options: AbandonedPromptSweeperOptions;
  readonly #up = new Set<PoolServer>();
  readonly #sweeps = new Set<Promise<void>>();
  readonly #stop = new AbortController();
  readonly #unsubscribe: () => void;

  constructor(options: AbandonedPromptSweeperOptions) {
    this.#options = options;
    this.#unsubscribe = options.pool.subscribe(() => this.#look());
    this.#look();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#unsubscribe();
    this.#stop.abort();
    await Promise.all(this.#sweeps);
  }

  #look(): void {
    for (const server of this.#options.pool.servers) {
      const isUp = server.state === "ready" || server.state === "half_open";
      if (isUp && !this.#up.has(server)) this.#start(server);
      if (isUp) this.#up.add(server);
      else this.#up.delete(server);
    }
  }

  #start(server: PoolServer): void {
    const sweep = this.#sweep(server)
      .catch((error: unknown) => {
        if (this.#stop.signal.aborted) return;
        this.#options.logger.warn({ server: server.id, err: error }, "abandoned prompts not swept");
        // The sweep is tried again at the pool's next change.
        this.#up.delete(server);
      })
      .finally(() => this.#sweeps.delete(sweep));
    this.#sweeps.add(sweep);
  }

  /** The server takes no task until we know what it still holds. */
  async #sweep(server: PoolServer): Promise<void> {
    using _closed = this.#options.pool.close(server);
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(SWEEP_LIMIT_MS)]);
    const { running, pending } = await server.comfy.queue(signal);
    for (const { promptId, extraData } of [...pending, ...running]) {
      const mark = readMark(extraData);
      if (mark?.store !== this.#options.store.storeId) continue;
      if (await this.#isWanted(mark.task, promptId)) continue;
      this.#options.logger.warn(
        { server: server.id, taskId: mark.task, promptId },
        "abandoned prompt canceled",
      );
      await this.#stopAbandoned(server, promptId, signal);
    }
  }

  /** A server whose abandoned prompt does not stop is of no use for other tasks either. */
  async #stopAbandoned(server: PoolServer, promptId: string, signal: AbortSignal): Promise<void> {
    try {
      await stopPrompt(server.comfy, promptId, signal);
    } catch (error) {
      if (!(error instanceof TaskError) || error.code !== "SERVER_STUCK") throw error;
      this.#options.pool.noteStuck(server, promptId, error.message);
    }
  }

  /** Whether the task still needs this prompt; its own run or cleanup then looks after it. */
  async #isWanted(taskId: string, promptId: string): Promise<boolean> {
    const task = await this.#options.store.getUnit(taskId);
    return task?.dispatch?.promptId === promptId;
  }
}

function readMark(extraData: unknown): PromptMark | undefined {
  const mark: unknown = (extraData as Record<string, unknown> | undefined)?.[MARK_KEY];
  if (typeof mark !== "object" || mark === null) return undefined;
  const { store, task, epoch } = mark as Record<string, unknown>;
  if (typeof store !== "string" || typeof task !== "string" || typeof epoch !== "number")
    return undefined;
  return { store, task, epoch };
}
