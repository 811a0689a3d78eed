import { randomUUID } from "node:crypto";
import type { Logger } from "../lib/logger.js";
import { repeat } from "../lib/repeat.js";
import type { Pool } from "../pool/pool.js";
import type { HistoryArchive, ServerSample } from "../store/history-archive.js";
import type { TaskReading } from "../store/task-reading.js";

/** What the recorder looks at. */
export interface HistoryRecorderOptions {
  readonly store: Pick<TaskReading, "counts" | "queueAgeMs"> & { readonly history: HistoryArchive };
  readonly pool: Pick<Pool, "servers" | "subscribe">;
  readonly logger: Logger;
}

/** How often what was seen is stored: so much is lost when the process is killed. */
const NOTE_MS = 10_000;

type PoolServer = Pool["servers"][number];

interface Seen {
  readonly busyMs: number;
  readonly isUp: boolean;
  readonly faultTotal: number;
}

/** Records what this process sees of the servers, by every change, and of the queue now and then. */
export class HistoryRecorder implements AsyncDisposable {
  readonly #options: HistoryRecorderOptions;
  readonly #owner = randomUUID();
  readonly #seen = new Map<PoolServer, Seen>();
  #samples = new Map<string, ServerSample>();
  #lookedAtMs = performance.now();
  readonly #unsubscribe: () => void;
  readonly #noting: AsyncDisposable;

  constructor(options: HistoryRecorderOptions) {
    this.#options = options;
    this.#unsubscribe = options.pool.subscribe(() => this.#look());
    this.#noting = repeat(() => this.#note(), {
      pauseMs: NOTE_MS,
      onError: (err) => options.logger.debug({ err }, "no history was stored"),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#unsubscribe();
    await this.#noting[Symbol.asyncDispose]();
  }

  async #note(): Promise<void> {
    const { store } = this.#options;
    const [{ completed, failed, canceled }, queueAgeMs] = await Promise.all([
      store.counts(),
      store.queueAgeMs(),
    ]);
    this.#look();
    const servers = [...this.#samples.values()];
    this.#samples = new Map();
    const ended = { completed, failed, canceled };
    await store.history.noteHistory({ owner: this.#owner, servers, queueAgeMs, ended });
  }

  /** Adds the time since the last look to what each server did in it. */
  #look(): void {
    const nowMs = performance.now();
    const passedMs = nowMs - this.#lookedAtMs;
    this.#lookedAtMs = nowMs;
    for (const server of this.#options.pool.servers) {
      const before = this.#seen.get(server);
      const now = seenOf(server);
      this.#seen.set(server, now);
      const { address } = server.comfy;
      const sum = this.#samples.get(address) ?? { address, busyMs: 0, upMs: 0, faultCount: 0 };
      this.#samples.set(address, {
        address,
        busyMs: sum.busyMs + now.busyMs - (before?.busyMs ?? 0),
        upMs: sum.upMs + (before?.isUp ? passedMs : 0),
        faultCount: sum.faultCount + now.faultTotal - (before?.faultTotal ?? 0),
      });
    }
  }
}

function seenOf({ held, busyMs, state, health }: PoolServer): Seen {
  const isUp = held.size > 0 || state === "ready" || state === "half_open";
  return { busyMs, isUp, faultTotal: health.faultTotal };
}
