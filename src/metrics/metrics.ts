import { collectDefaultMetrics, Gauge, Registry } from "prom-client";
import type { TaskStore } from "../store/task-store.js";
import { observeStore } from "./observe-store.js";
import { registerScrapedMetrics, type ScrapeSources } from "./scraped-metrics.js";
import { createStoreMetrics } from "./store-metrics.js";

/** Streams that clients keep open. */
export type StreamName = "watch_task" | "watch_stats";

/**
 * The metrics of one service, in a registry of its own. Labels are bounded: servers, workflows, codes,
 * never a task or a URL's path.
 */
export class Metrics {
  readonly #registry = new Registry();
  readonly #openStreams: Gauge<"stream">;

  constructor() {
    collectDefaultMetrics({ register: this.#registry });
    this.#openStreams = new Gauge({
      registers: [this.#registry],
      name: "tmlsr_open_streams",
      help: "Streams that clients keep open, whatever the protocol",
      labelNames: ["stream"],
    });
    for (const stream of ["watch_task", "watch_stats"] as const)
      this.#openStreams.set({ stream }, 0);
  }

  /** The store to work with from now on: what goes through it is counted and timed. */
  observeStore(store: TaskStore): TaskStore {
    return observeStore(store, createStoreMetrics(this.#registry));
  }

  /** Adds what is looked at when the metrics are asked for. */
  scrape(sources: ScrapeSources): void {
    registerScrapedMetrics(this.#registry, sources);
  }

  /** The same function, whose streams are counted while they are open. */
  countStreams<A extends unknown[], T>(
    stream: StreamName,
    open: (...args: A) => AsyncIterable<T>,
  ): (...args: A) => AsyncGenerator<T, void> {
    return (...args) => this.#counted(stream, open(...args));
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** All metrics in Prometheus' text format. */
  render(): Promise<string> {
    return this.#registry.metrics();
  }

  async *#counted<T>(stream: StreamName, source: AsyncIterable<T>): AsyncGenerator<T, void> {
    this.#openStreams.inc({ stream });
    try {
      yield* source;
    } finally {
      this.#openStreams.dec({ stream });
    }
  }
}
