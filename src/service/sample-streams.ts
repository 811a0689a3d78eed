import { setTimeout as sleep } from "node:timers/promises";
import { inTurns } from "../lib/in-turns.js";
import { untilAborted } from "../lib/until-aborted.js";
import { SAMPLE_MS, type Sampler } from "./sampler.js";

/** One open stream. */
interface Reader<T> {
  readonly intervalMs: number;
  /** When it is to be looked after next, by the monotonic clock. */
  dueAtMs: number;
  /** What it was given last. */
  seen: T;
  /** There while it waits for more. */
  waiting?: { tell(sample: T): void; fail(reason: unknown): void };
}

/**
 * Streams of the samples of one {@link Sampler}, which must answer with the same object for as long as
 * it looks the same. However many streams are open, one loop looks after all of them: those of one
 * interval are due at the same time and share a sample, and a change is told to a few of them at a
 * time.
 */
export class SampleStreams<T> {
  readonly #sampler: Sampler<T>;
  readonly #readers = new Set<Reader<T>>();
  #isRunning = false;

  constructor(sampler: Sampler<T>) {
    this.#sampler = sampler;
  }

  /**
   * The sample of now, then at most every `intervalMs` (at least 100) the latest, if it differs. A
   * slow reader misses those in between, never the last.
   *
   * @throws what taking a sample throws; the signal's reason when it is aborted.
   */
  async *watch(intervalMs: number, signal: AbortSignal): AsyncGenerator<T, void> {
    const seen = await this.#sampler.latest();
    const reader: Reader<T> = { intervalMs, seen, dueAtMs: nextDueMs(intervalMs) + intervalMs };
    this.#readers.add(reader);
    if (!this.#isRunning) void this.#run();
    try {
      for (;;) {
        yield reader.seen;
        reader.seen = await untilAborted(told(reader), signal);
      }
    } finally {
      this.#readers.delete(reader);
    }
  }

  /** Runs for as long as there are streams. */
  async #run(): Promise<void> {
    this.#isRunning = true;
    for (;;) {
      await sleep(SAMPLE_MS);
      if (this.#readers.size === 0) break;
      const due = [...this.#readers].filter(
        ({ waiting, dueAtMs }) => waiting !== undefined && dueAtMs <= performance.now(),
      );
      if (due.length > 0) await this.#lookAfter(due);
    }
    this.#isRunning = false;
  }

  async #lookAfter(due: readonly Reader<T>[]): Promise<void> {
    for (const reader of due) reader.dueAtMs = nextDueMs(reader.intervalMs);
    try {
      const sample = await this.#sampler.latest();
      const behind = due.filter(({ seen }) => seen !== sample);
      await inTurns(behind, ({ waiting }) => waiting?.tell(sample));
    } catch (error) {
      for (const { waiting } of due) waiting?.fail(error);
    }
  }
}

/** The same for all streams of one interval. */
function nextDueMs(intervalMs: number): number {
  return (Math.floor(performance.now() / intervalMs) + 1) * intervalMs;
}

function told<T>(reader: Reader<T>): Promise<T> {
  return new Promise<T>((tell, fail) => {
    reader.waiting = { tell, fail };
  }).finally(() => {
    delete reader.waiting;
  });
}
