import { Gauge, type Registry } from "prom-client";
import { TASK_STATUSES } from "../domain/task.js";
import type { PoolServer } from "../pool/server/pool-server.js";
import type { ServerState } from "../pool/server/server-health.js";
import type { TaskReading } from "../store/task-reading.js";

/** The objects that are read when the metrics are requested. */
export interface ScrapeSources {
  readonly store: Pick<TaskReading, "counts" | "queueAgeMs">;
  readonly servers: readonly PoolServer[];
}

const SERVER_STATES: readonly ServerState[] = [
  "unknown",
  "ready",
  "quarantined",
  "half_open",
  "draining",
];

/** Adds the metrics that show the state at the moment of the request. */
export function registerScrapedMetrics(registry: Registry, sources: ScrapeSources): void {
  const registers = [registry];
  new Gauge({
    registers,
    name: "tmlsr_tasks",
    help: "Tasks by status, of all processes; the terminal ones since the store was made",
    labelNames: ["status"],
    async collect() {
      const counts = await sources.store.counts();
      for (const status of TASK_STATUSES) this.set({ status }, counts[status]);
    },
  });
  new Gauge({
    registers,
    name: "tmlsr_queue_age_seconds",
    help: "How long the task that is due longest waits already; 0 if none is due",
    async collect() {
      this.set((await sources.store.queueAgeMs()) / 1000);
    },
  });
  new Gauge({
    registers,
    name: "tmlsr_server_state",
    help: "1 for the state that a server is in, else 0",
    labelNames: ["server", "state"],
    collect() {
      for (const { id: server, state: now } of sources.servers)
        for (const state of SERVER_STATES) this.set({ server, state }, state === now ? 1 : 0);
    },
  });
  new Gauge({
    registers,
    name: "tmlsr_server_held_slots",
    help: "Slots of a server that tasks of this process hold",
    labelNames: ["server"],
    collect() {
      for (const { id: server, held } of sources.servers) this.set({ server }, held.size);
    },
  });
}
