import { setTimeout as sleep } from "node:timers/promises";
import {
  CapabilityReader,
  type ProbeResult,
  type ServerCapability,
} from "../comfy/server-capability.js";
import { TaskError } from "../domain/errors.js";
import type { ServerMemory } from "../domain/task.js";
import { defined } from "../lib/defined.js";
import type { Logger } from "../lib/logger.js";
import type { WorkflowCatalog } from "../workflow/catalog/catalog.js";
import { CHUNK_CLASSES } from "../workflow/film-frames.js";
import type { Pool } from "./pool.js";
import type { PoolServer } from "./server/pool-server.js";
import { canRun } from "./server/server-fit.js";

/** Options of one server's prober. */
export interface ServerProberOptions {
  readonly server: PoolServer;
  readonly pool: Pool;
  readonly catalog: WorkflowCatalog;
  readonly logger: Logger;
  /** Milliseconds between two probes of a server that is up. @default 5000 */
  readonly intervalMs?: number;
  /** Milliseconds between two probes of a server that is not up. @default 500 */
  readonly downIntervalMs?: number;
}

/**
 * How many failed probes in a row quarantine a server: a single one may only mean that it is busy.
 * A refused connection counts at once.
 */
const FAILURES_TO_QUARANTINE = 3;
/** The pause after the first failure. It doubles up to the interval for servers that are down. */
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
  /** A restart was noticed but not told yet, because the server could not be asked what it has. */
  #isRestarted = false;

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
    const { server, logger } = this.#options;
    while (!this.#stop.signal.aborted) {
      try {
        await this.#probe();
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        if (error instanceof TaskError) this.#noteFailure(error, false);
        else logger.error({ server: server.id, err: error }, "probe failed");
      }
      const pauseMs = this.#pauseMs() * (0.9 + Math.random() * 0.2);
      await this.#sleep(pauseMs);
    }
  }

  /** Sleeps. A server that is taken out meanwhile is asked sooner than one that is up. */
  async #sleep(pauseMs: number): Promise<void> {
    const { pool, server } = this.#options;
    const wake = new AbortController();
    const before = server.state;
    const unsubscribe = pool.subscribe(() => {
      if (server.state === "quarantined" && before !== "quarantined") wake.abort();
    });
    const signal = AbortSignal.any([this.#stop.signal, wake.signal]);
    await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
    unsubscribe();
    if (wake.signal.aborted)
      await sleep(FIRST_PAUSE_MS, undefined, { signal: this.#stop.signal }).catch(() => undefined);
  }

  #pauseMs(): number {
    const { intervalMs = 5_000, downIntervalMs = 500, server } = this.#options;
    if (this.#failureCount > 0)
      return Math.min(downIntervalMs, FIRST_PAUSE_MS * 2 ** Math.min(this.#failureCount, 9));
    return server.state === "quarantined" ? downIntervalMs : intervalMs;
  }

  async #probe(): Promise<void> {
    const result = await this.#reader.probe(this.#stop.signal);
    if (result.ok) await this.#noteAnswer(result);
    else this.#noteFailure(result.error, result.isRefused);
  }

  async #noteAnswer(result: ProbeResult & { readonly ok: true }): Promise<void> {
    const { server, pool, catalog, logger } = this.#options;
    this.#isRestarted ||= result.restarted;
    const capability = await this.#reader.read(neededClasses(catalog), this.#stop.signal);
    await this.#dropEndedStuck();
    this.#failureCount = 0;
    this.#convertGraphs(capability);
    const restarted = this.#isRestarted;
    this.#isRestarted = false;
    const wasKnown = server.isKnown;
    const answer = { restarted, capability, ...aboutServer(result) };
    const hasChanged = server.noteAnswer(answer, new Date());
    if (hasChanged) this.#logAnswer();
    if (restarted && wasKnown) logger.warn({ server: server.id }, "server restarted");
    if (hasChanged || !wasKnown || restarted) pool.changed();
  }

  #logAnswer(): void {
    const { server, catalog, logger } = this.#options;
    const { id, state, version } = server;
    const workflowCount = catalog.list().filter((workflow) => canRun(server, workflow)).length;
    logger.info({ server: id, state, version, workflowCount }, "server answers");
  }

  /** Drops stuck prompts that have ended by now, and asks the server to stop the others again. */
  async #dropEndedStuck(): Promise<void> {
    const { server } = this.#options;
    const { comfy, health } = server;
    if (health.stuckPromptIds.size === 0) return;
    const { running, pending } = await comfy.queue(this.#stop.signal);
    const isIn = (items: typeof running, promptId: string): boolean =>
      items.some((item) => item.promptId === promptId);
    for (const promptId of health.stuckPromptIds) {
      if (isIn(running, promptId)) await comfy.interrupt(promptId, this.#stop.signal);
      else if (isIn(pending, promptId)) await comfy.deleteFromQueue(promptId, this.#stop.signal);
      else health.noteUnstuck(promptId);
    }
  }

  #noteFailure(error: TaskError, isRefused: boolean): void {
    const { server, pool, logger } = this.#options;
    this.#failureCount += 1;
    const isDown = isRefused || this.#failureCount >= FAILURES_TO_QUARANTINE;
    if (!isDown || server.state === "unknown") {
      if (!server.health.noteUnanswered(error.message)) return;
      if (server.state === "unknown")
        logger.warn({ server: server.id, reason: error.message }, "server does not answer");
      pool.changed();
      return;
    }
    const kind = error.code === "SERVER_UNREACHABLE" ? "unreachable" : "fault";
    if (server.state === "ready" || server.state === "half_open")
      pool.noteFault(server, kind, error.message);
  }

  /**
   * Converts graphs, the editor's files, into workflows by what the server knows of their nodes.
   */
  #convertGraphs({ classes }: ServerCapability): void {
    const { catalog, logger } = this.#options;
    for (const { name } of catalog.graphs()) {
      try {
        catalog.convert(name, classes);
      } catch (error) {
        // The catalog keeps the reason why a graph cannot be converted, and tells it.
        if (!(error instanceof TaskError))
          logger.error({ workflow: name, err: error }, "workflow not converted");
      }
    }
  }
}

function aboutServer(result: ProbeResult & { readonly ok: true }) {
  const { version, devices } = result;
  return {
    devices: devices.map(({ name }) => name),
    ...defined({ version, memory: memoryOf(result) }),
  };
}

/** ComfyUI lists the one device that it computes on. */
function memoryOf({
  devices: [device],
  machineBytes,
}: ProbeResult & { readonly ok: true }): ServerMemory | undefined {
  if (device?.memoryBytes === undefined) return undefined;
  return { deviceBytes: device.memoryBytes, ...defined({ machineBytes }) };
}

function neededClasses(catalog: WorkflowCatalog): string[] {
  const known = [...catalog.list(), ...catalog.graphs()];
  return [...new Set([...known.flatMap(({ nodeClasses }) => nodeClasses), ...CHUNK_CLASSES])];
}
