import { setTimeout as sleep } from "node:timers/promises";
import { CapabilityReader, type ProbeResult } from "../comfy/server-capability.js";
import { TaskError } from "../domain/errors.js";
import type { Logger } from "../lib/logger.js";
import type { WorkflowCatalog } from "../workflow/catalog.js";
import type { Pool } from "./pool.js";
import type { PoolServer } from "./pool-server.js";

/** Options of one server's prober. */
export interface ServerProberOptions {
  readonly server: PoolServer;
  readonly pool: Pool;
  readonly catalog: WorkflowCatalog;
  readonly logger: Logger;
  /** Between two probes of a server that is up. @default 5000 */
  readonly intervalMs?: number;
  /** Between two probes of one that is not. @default 500 */
  readonly downIntervalMs?: number;
}

/** One failed probe may be a busy server; so many in a row are not. A refused connection counts at once. */
const FAILURES_TO_QUARANTINE = 3;
/** After the first failure; doubles up to the interval for servers that are down. */
const FIRST_PAUSE_MS = 25;

/**
 * Asks one server, again and again, whether it is up, what it is and what it has. A server that was
 * down is asked often, so that it is at work again within a second or two of its return.
 */
export class ServerProber implements AsyncDisposable {
  readonly #options: ServerProberOptions;
  readonly #reader: CapabilityReader;
  readonly #stop = new AbortController();
  readonly #loop: Promise<void>;
  #failureCount = 0;

  constructor(options: ServerProberOptions) {
    this.#options = options;
    this.#reader = new CapabilityReader(options.server.comfy);
    this.#loop = this.#run();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { intervalMs = 5_000, downIntervalMs = 500, server, logger } = this.#options;
    while (!this.#stop.signal.aborted) {
      try {
        await this.#probe();
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        if (error instanceof TaskError) this.#noteFailure(error, false);
        else logger.error({ server: server.id, err: error }, "probe failed");
      }
      const isUp = server.state === "ready" && this.#failureCount === 0;
      const downMs = Math.min(
        downIntervalMs,
        FIRST_PAUSE_MS * 2 ** Math.min(this.#failureCount, 9),
      );
      const pauseMs = (isUp ? intervalMs : downMs) * (0.9 + Math.random() * 0.2);
      await sleep(pauseMs, undefined, { signal: this.#stop.signal }).catch(() => undefined);
    }
  }

  async #probe(): Promise<void> {
    const result = await this.#reader.probe(this.#stop.signal);
    if (result.ok) await this.#noteAnswer(result);
    else this.#noteFailure(result.error, result.isRefused);
  }

  async #noteAnswer(result: ProbeResult & { readonly ok: true }): Promise<void> {
    const { server, pool, catalog, logger } = this.#options;
    this.#failureCount = 0;
    server.version = result.version;
    server.devices = result.devices.map(({ name }) => name);
    const before = server.capability;
    server.capability = await this.#reader.read(neededClasses(catalog), this.#stop.signal);
    this.#convertPending();
    const hasChanged = server.noteAnswer(result.restarted, new Date());
    if (hasChanged)
      logger.info(
        { server: server.id, state: server.state, version: server.version },
        "server answers",
      );
    if (result.restarted && before !== undefined)
      logger.warn({ server: server.id }, "server restarted");
    if (hasChanged || before === undefined || result.restarted) pool.changed();
  }

  #noteFailure(error: TaskError, isRefused: boolean): void {
    const { server, pool } = this.#options;
    this.#failureCount += 1;
    const isDown = isRefused || this.#failureCount >= FAILURES_TO_QUARANTINE;
    if (!isDown || server.state === "unknown") {
      const isNews = server.reason === undefined;
      server.reason = error.message;
      if (isNews) pool.changed();
      return;
    }
    const kind = error.code === "SERVER_UNREACHABLE" ? "unreachable" : "fault";
    if (server.state === "ready" || server.state === "half_open")
      pool.noteFault(server, kind, error.message);
  }

  /** Files in the editor's format become workflows once a server knows all their nodes. */
  #convertPending(): void {
    const { server, catalog, logger } = this.#options;
    const classes = server.capability?.classes;
    if (classes === undefined) return;
    for (const { name, nodeClasses } of catalog.pending()) {
      if (!nodeClasses.every((nodeClass) => classes.has(nodeClass))) continue;
      try {
        catalog.convert(name, classes);
      } catch (error) {
        logger.warn({ workflow: name, err: error }, "workflow not converted");
      }
    }
  }
}

function neededClasses(catalog: WorkflowCatalog): string[] {
  const known = catalog.list().flatMap(({ nodeClasses }) => nodeClasses);
  return [...new Set([...known, ...catalog.pending().flatMap(({ nodeClasses }) => nodeClasses)])];
}
