import { Counter, Histogram, type Registry } from "prom-client";
import { isChunkId } from "../domain/film.js";
import { STAGE_NAMES } from "../domain/task.js";
import { GpuLedger } from "./gpu-ledger.js";
import { STORE_CALLS, type StoreObserver } from "./observe-store.js";

const CALL_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5];
/** In seconds, from a thumbnail to a film. */
const STAGE_BUCKETS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600, 14_400];

/** Makes the metrics of what this process does with tasks, and the observer that updates them. */
export function createStoreMetrics(registry: Registry): StoreObserver {
  const metrics = register(registry);
  // All series exist from the start with the value 0.
  for (const call of STORE_CALLS) metrics.calls.zero({ call });
  for (const stage of STAGE_NAMES) metrics.stages.zero({ stage });
  const ledger = new GpuLedger({
    busy: (server, seconds) => metrics.busy.inc({ server }, seconds),
    wasted: (cause, seconds) => metrics.wasted.inc({ cause }, seconds),
    modelLoaded: (server) => metrics.modelLoads.inc({ server }),
  });
  return {
    called(call, seconds, code) {
      metrics.calls.observe({ call }, seconds);
      if (code !== undefined) metrics.callErrors.inc({ call, code });
    },
    leased: (task) => ledger.leased(task),
    stageEnded: (stage, seconds) => metrics.stages.observe({ stage }, seconds),
    dispatched: (fence, dispatch) => ledger.dispatched(fence, dispatch),
    settled(fence, outcome) {
      switch (outcome.kind) {
        case "completed":
          if (!isChunkId(fence.taskId)) metrics.ended.inc({ status: "completed", code: "" });
          return ledger.settled(fence);
        case "failed":
          // A chunk fails its film, and only one does.
          metrics.ended.inc({ status: "failed", code: outcome.error.code });
          return ledger.settled(fence, outcome.error.code);
        case "retry":
          metrics.retries.inc({ code: outcome.reason });
          return ledger.settled(fence, outcome.dropDispatch ? outcome.reason : undefined);
        case "handed_back":
        case "cut":
          return ledger.settled(fence);
      }
    },
    canceled: () => metrics.ended.inc({ status: "canceled", code: "" }),
    cleanedUp: (fence) => ledger.settled(fence, "canceled"),
    lost(fence) {
      if (ledger.lost(fence)) metrics.leaseLosses.inc();
    },
  };
}

function register(registry: Registry) {
  return { ...taskMetrics(registry), ...serverMetrics(registry), ...callMetrics(registry) };
}

function taskMetrics(registry: Registry) {
  return {
    ended: new Counter({
      registers: [registry],
      name: "tmlsr_tasks_ended_total",
      help: "Tasks this process ended, by status and error code",
      labelNames: ["status", "code"],
    }),
    retries: new Counter({
      registers: [registry],
      name: "tmlsr_task_retries_total",
      help: "Tasks put back to be tried again, by reason",
      labelNames: ["code"],
    }),
    stages: new Histogram({
      registers: [registry],
      name: "tmlsr_stage_duration_seconds",
      help: "How long stages that succeeded took",
      labelNames: ["stage"],
      buckets: STAGE_BUCKETS,
    }),
    leaseLosses: new Counter({
      registers: [registry],
      name: "tmlsr_lease_losses_total",
      help: "Leases that ended without their holder's wish",
    }),
  };
}

function serverMetrics(registry: Registry) {
  return {
    busy: new Counter({
      registers: [registry],
      name: "tmlsr_server_busy_seconds_total",
      help: "How long a server ran prompts of this process, added when one ends; its rate is the busy ratio",
      labelNames: ["server"],
    }),
    modelLoads: new Counter({
      registers: [registry],
      name: "tmlsr_server_model_loads_total",
      help: "How often a server got a prompt of another workflow than before",
      labelNames: ["server"],
    }),
    wasted: new Counter({
      registers: [registry],
      name: "tmlsr_gpu_wasted_seconds_total",
      help: "How long servers ran prompts whose result nobody got, by cause",
      labelNames: ["cause"],
    }),
  };
}

function callMetrics(registry: Registry) {
  return {
    calls: new Histogram({
      registers: [registry],
      name: "tmlsr_store_call_duration_seconds",
      help: "How long calls of the store took",
      labelNames: ["call"],
      buckets: CALL_BUCKETS,
    }),
    callErrors: new Counter({
      registers: [registry],
      name: "tmlsr_store_call_errors_total",
      help: "Calls of the store that failed",
      labelNames: ["call", "code"],
    }),
  };
}
