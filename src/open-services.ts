import type { ApiServerOptions } from "./api/api-server.js";
import type { Monitor } from "./api/rpc/monitor-handlers.js";
import type { ApiServices } from "./api/rpc/services.js";
import type { Uploads } from "./api/rpc/upload-handlers.js";
import { DEFAULT_TENANT } from "./domain/caller.js";
import type { Tenant } from "./domain/tenant.js";
import { defined } from "./lib/defined.js";
import type { DisposalStack } from "./lib/disposal-stack.js";
import type { Logger } from "./lib/logger.js";
import type { Metrics } from "./metrics/metrics.js";
import type { OpenedAccess } from "./open-access.js";
import { openTenants, uploadsOf } from "./open-tenants.js";
import { DeliveryService } from "./service/delivery-service.js";
import { HistoryRecorder } from "./service/history-recorder.js";
import { MonitorService, type MonitorServiceOptions } from "./service/monitor-service.js";
import { TaskService, type TaskServiceOptions } from "./service/task-service.js";
import { WorkflowService } from "./service/workflow-service.js";
import type { PendingLimits } from "./store/task-intake.js";
import type { TaskStore } from "./store/task-store.js";
import { TasksWatcher } from "./store/watch/many/tasks-watcher.js";
import { TaskWatcher } from "./store/watch/watch-task.js";

/** What the use cases work with. */
export interface ServiceParts
  extends Omit<
      TaskServiceOptions,
      "store" | "watcher" | "tasksWatcher" | "random" | "pool" | "storage" | "limitsOf"
    >,
    Pick<MonitorServiceOptions, "pool" | "storage" | "dataDir"> {
  readonly store: TaskStore;
  readonly metrics: Metrics;
  readonly uploads: Uploads;
  readonly logger: Logger;
}

/** As much of the configuration as the use cases go by. */
interface ServiceRules {
  readonly store: { readonly maxPendingCount?: number };
  readonly tenants: readonly Tenant[];
  readonly uploads: { readonly ttlMs: number };
}

/** The use cases of clients, and by whom they may be called. */
export interface ServedUseCases extends Pick<ApiServerOptions, "services" | "access"> {
  readonly tasks: TaskService;
}

/** A part of `app.ts`: builds the use cases of clients. */
export function openServices(
  parts: ServiceParts,
  rules: ServiceRules,
  access: OpenedAccess | undefined,
  opened: DisposalStack,
): ServedUseCases {
  const { store, pool, catalog, metrics, logger } = parts;
  const { tenants, uploads: upload } = rules;
  const view = access?.view ?? { storage: parts.storage };
  opened.use(new HistoryRecorder({ store, pool, logger }));
  const monitorOptions = { ...parts, ...view, history: store.history };
  const taskOptions = {
    ...{ ...parts, ...openWatchers(parts, opened), ...view, random: Math.random },
    limitsOf: limitsBy(rules),
  };
  const tasks = new TaskService(taskOptions);
  const ofAll = tenants.find(({ name }) => name === DEFAULT_TENANT) ?? { name: DEFAULT_TENANT };
  const noted = { uploads: parts.uploads, ledger: store.uploads, ttlMs: upload.ttlMs };
  const countedStats = (monitor: MonitorService) => countStats(monitor, metrics);
  const services: ApiServices = {
    ...{ tasks, uploads: uploadsOf(ofAll, noted) },
    monitor: countedStats(opened.use(new MonitorService(monitorOptions))),
    workflows: new WorkflowService(catalog, pool),
    deliveries: new DeliveryService(store),
    ...(access && { keys: access.keys, audit: access.audit }),
  };
  if (!access) return { tasks, services };
  const shared = { store, services, taskOptions, monitorOptions, countStats: countedStats };
  const more = { uploads: parts.uploads, uploadTtlMs: upload.ttlMs };
  const served = openTenants(tenants, { ...shared, ...more }, opened);
  return { tasks, services, access: access.gate(served) };
}

function limitsBy({ store: { maxPendingCount }, tenants }: ServiceRules) {
  const limits = new Map(
    tenants.map(({ name, maxPendingCount: ownCount }) => [
      name,
      defined({ maxPendingCount, maxTenantPendingCount: ownCount }),
    ]),
  );
  return (tenant: string): PendingLimits => limits.get(tenant) ?? defined({ maxPendingCount });
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
