import type { ApiServerOptions } from "./api/api-server.js";
import type { Monitor } from "./api/rpc/monitor-handlers.js";
import type { ApiServices } from "./api/rpc/services.js";
import type { Uploads } from "./api/rpc/upload-handlers.js";
import type { DisposalStack } from "./lib/disposal-stack.js";
import type { Logger } from "./lib/logger.js";
import type { Metrics } from "./metrics/metrics.js";
import type { OpenedAccess } from "./open-access.js";
import { DeliveryService } from "./service/delivery-service.js";
import { HistoryRecorder } from "./service/history-recorder.js";
import { MonitorService, type MonitorServiceOptions } from "./service/monitor-service.js";
import { TaskService, type TaskServiceOptions } from "./service/task-service.js";
import { WorkflowService } from "./service/workflow-service.js";
import type { TaskStore } from "./store/task-store.js";
import { TasksWatcher } from "./store/watch/many/tasks-watcher.js";
import { TaskWatcher } from "./store/watch/watch-task.js";

/** What the use cases work with. */
export interface ServiceParts
  extends Omit<
      TaskServiceOptions,
      "store" | "watcher" | "tasksWatcher" | "random" | "pool" | "storage"
    >,
    Pick<MonitorServiceOptions, "pool" | "storage" | "dataDir"> {
  readonly store: TaskStore;
  readonly metrics: Metrics;
  readonly uploads: Uploads;
  readonly logger: Logger;
}

/** The use cases of clients, and by whom they may be called. */
export interface ServedUseCases extends Pick<ApiServerOptions, "services" | "access"> {
  readonly tasks: TaskService;
}

/** A part of `app.ts`: builds the use cases of clients. */
export function openServices(
  parts: ServiceParts,
  { maxPendingCount }: { readonly maxPendingCount?: number },
  access: OpenedAccess | undefined,
  opened: DisposalStack,
): ServedUseCases {
  const { store, pool, catalog, metrics, uploads, logger } = parts;
  const storage = access?.shown ?? parts.storage;
  opened.use(new HistoryRecorder({ store, pool, logger }));
  const monitor = opened.use(new MonitorService({ ...parts, storage, history: store.history }));
  const tasks = new TaskService({
    ...{ ...parts, ...openWatchers(parts, opened), storage, random: Math.random },
    ...(maxPendingCount !== undefined && { maxPendingCount }),
  });
  const services: ApiServices = {
    ...{ tasks, monitor: countStats(monitor, metrics), uploads },
    workflows: new WorkflowService(catalog, pool),
    deliveries: new DeliveryService(store),
    ...(access && { keys: access.keys, audit: access.audit }),
  };
  return { tasks, services, ...(access && { access: access.gate(services) }) };
}

function openWatchers(
  { store, metrics, logger }: ServiceParts,
  opened: DisposalStack,
): Pick<TaskServiceOptions, "watcher" | "tasksWatcher"> {
  const one = opened.use(new TaskWatcher(store));
  const onError = (err: unknown) => logger.warn({ err }, "changes cannot be read, trying again");
  const many = opened.use(new TasksWatcher(store, onError));
  const watchOne: TaskWatcher["watch"] = (...args) => one.watch(...args);
  const watchMany: TasksWatcher["watch"] = (...args) => many.watch(...args);
  return {
    watcher: { watch: metrics.countStreams("watch_task", watchOne) },
    tasksWatcher: { watch: metrics.countStreams("watch_tasks", watchMany) },
  };
}

function countStats(monitor: MonitorService, metrics: Metrics): Monitor {
  const watchStats: Monitor["watchStats"] = (...args) => monitor.watchStats(...args);
  return {
    stats: (labels) => monitor.stats(labels),
    ready: () => monitor.ready(),
    history: () => monitor.history(),
    doctor: () => monitor.doctor(),
    watchStats: metrics.countStreams("watch_stats", watchStats),
  };
}
