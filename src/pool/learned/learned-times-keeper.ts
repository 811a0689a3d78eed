import { setTimeout as sleep } from "node:timers/promises";
import type { LearnedTime } from "../../domain/learned-time.js";
import { backoffMs } from "../../lib/backoff.js";
import type { Logger } from "../../lib/logger.js";
import { untilAborted } from "../../lib/until-aborted.js";
import type { LearnedTimes } from "./learned-times.js";

/** Where learned times are kept. Calls that fail are made again later. */
export interface LearnedTimeBook {
  loadTimes(): Promise<readonly LearnedTime[]>;
  saveTimes(times: readonly LearnedTime[]): Promise<void>;
}

/** What a {@link LearnedTimesKeeper} is made of. */
export interface LearnedTimesKeeperOptions {
  readonly learned: LearnedTimes;
  readonly book: LearnedTimeBook;
  readonly logger: Logger;
  /** Between two looks for something to save. @default 5000 */
  readonly saveMs?: number;
  /** Between two looks for what other processes have learned. @default 300000 */
  readonly loadMs?: number;
}

const RETRY_PAUSE = { baseMs: 1_000, capMs: 60_000 };
/** How long the last saving may take, when the process stops. */
const LAST_SAVE_MS = 2_000;

/**
 * Keeps what was learned over a restart and shares it with other processes: loads it at the start and
 * now and then, saves what is new, at the end for the last time.
 */
export class LearnedTimesKeeper implements AsyncDisposable {
  readonly #options: LearnedTimesKeeperOptions;
  readonly #stop = new AbortController();
  readonly #loop: Promise<void>;
  #loadAtMs = 0;

  constructor(options: LearnedTimesKeeperOptions) {
    this.#options = options;
    this.#loop = this.#run();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#loop;
    const limit = AbortSignal.timeout(LAST_SAVE_MS);
    await this.#save(limit).catch((error: unknown) => this.#log(error));
  }

  async #run(): Promise<void> {
    const { saveMs = 5_000 } = this.#options;
    const { signal } = this.#stop;
    for (let failureCount = 0; !signal.aborted; ) {
      try {
        await this.#exchange();
        failureCount = 0;
      } catch (error) {
        if (failureCount === 0 && !signal.aborted) this.#log(error);
        failureCount += 1;
      }
      const pauseMs = failureCount === 0 ? saveMs : backoffMs(failureCount, RETRY_PAUSE);
      await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
    }
  }

  async #exchange(): Promise<void> {
    const { loadMs = 300_000 } = this.#options;
    if (performance.now() >= this.#loadAtMs) {
      await this.#load();
      this.#loadAtMs = performance.now() + loadMs;
    }
    await this.#save(this.#stop.signal);
  }

  async #load(): Promise<void> {
    const { learned, book } = this.#options;
    learned.merge(await untilAborted(book.loadTimes(), this.#stop.signal));
  }

  async #save(signal: AbortSignal): Promise<void> {
    const { learned, book } = this.#options;
    const news = learned.takeNews();
    if (news.length === 0) return;
    try {
      await untilAborted(book.saveTimes(news), signal);
    } catch (error) {
      learned.noteUnsaved(news);
      throw error;
    }
  }

  #log(error: unknown): void {
    this.#options.logger.warn({ err: error }, "learned times not loaded or saved");
  }
}
