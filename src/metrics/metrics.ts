import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client";
import type { TaskStore } from "../store/task-store.js";
import type { WebhookOutbox } from "../store/webhook-outbox.js";
import { observeStore } from "./observe-store.js";
import { registerScrapedMetrics, type ScrapeSources } from "./scraped-metrics.js";
import { createStoreMetrics } from "./store-metrics.js";
import { createWebhookMetrics } from "./webhook-metrics.js";

const REFUSAL_REASONS = ["no_key", "bad_key", "too_many_tries", "scope", "limit"] as const;

/** Why access by keys refuses a request. */
type RefusalReason = (typeof REFUSAL_REASONS)[number];

/** The kinds of streams that clients keep open. */
export type StreamName = "watch_task" | "watch_tasks" | "watch_stats";

/**
 * The metrics of one service, in their own registry. Labels have few values: servers, workflows and
 * codes, but never a task or the path of a URL.
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
    for (const stream of ["watch_task", "watch_tasks", "watch_stats"] as const)
      this.#openStreams.set({ stream }, 0);
  }

  /** Returns the store to use from now on. Its calls are counted and timed. */
  observeStore(store: TaskStore): TaskStore {
    return observeStore(store, createStoreMetrics(this.#registry));
  }

  /** Adds the metrics that are read when somebody asks for them. */
  scrape(sources: ScrapeSources): void {
    registerScrapedMetrics(this.#registry, sources);
  }

  /** Adds the metrics of webhooks. @returns what is to be told of each call. */
  observeWebhooks(outbox: Pick<WebhookOutbox, "waiting">): ReturnType<typeof createWebhookMetrics> {
    return createWebhookMetrics(this.#registry, outbox);
  }

  /** Counts requests that access by keys refuses. @returns what is to be told of each. */
  countRefusals(): (reason: RefusalReason) => void {
    const refusals = new Counter({
      registers: [this.#registry],
      name: "tmlsr_refused_requests_total",
      help: "Requests that access by keys refused, by reason",
      labelNames: ["reason"],
    });
    for (const reason of REFUSAL_REASONS) refusals.inc({ reason }, 0);
    return (reason) => refusals.inc({ reason });
  }

  /** Returns the same function, but its open streams are counted. */
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
