import type { Logger } from "../lib/logger.js";
import type { TaskRetention } from "../store/task-retention.js";

const INTERVAL_MS = 60_000;
const BATCH_COUNT = 500;

/** Deletes tasks that ended long enough ago, a batch at a time. */
export class Retention implements Disposable {
  readonly #timer: NodeJS.Timeout;

  constructor(store: TaskRetention, retentionMs: number, logger: Logger) {
    this.#timer = setInterval(() => {
      store.purge(retentionMs, BATCH_COUNT).then(
        (count) => count > 0 && logger.info({ count }, "old tasks deleted"),
        (error: unknown) => logger.warn({ err: error }, "old tasks not deleted"),
      );
    }, INTERVAL_MS);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
