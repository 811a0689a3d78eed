import type { Monitor } from "./api/rpc/monitor-handlers.js";
import type { ApiServices } from "./api/rpc/services.js";
import type { Uploads } from "./api/rpc/upload-handlers.js";
import { DEFAULT_TENANT } from "./domain/caller.js";
import type { Tenant } from "./domain/tenant.js";
import { sourceOfTenant, UploadAccount, uploadsOnAccount } from "./input/upload/upload-account.js";
import { UPLOAD_SCHEME } from "./input/upload/upload-key.js";
import type { DisposalStack } from "./lib/disposal-stack.js";
import { withoutServers } from "./open-views.js";
import { DeliveryService } from "./service/delivery-service.js";
import { MonitorService, type MonitorServiceOptions } from "./service/monitor-service.js";
import { TaskService, type TaskServiceOptions } from "./service/task-service.js";
import { storeOfTenant, watchersOfTenant } from "./service/tenant-view.js";
import type { TaskStore } from "./store/task-store.js";

/** The use cases for the callers of one tenant. */
export interface TenantServices {
  /** For its keys: nothing of other tenants, and no servers. */
  readonly own: ApiServices;
  /** For its keys that deal with all tenants: what they make is the tenant's. */
  readonly all: ApiServices;
}

/** The name of nobody's tenant, which has no tasks. */
export const NO_TENANT = "";

/** What the use cases of all tenants work with. */
export interface TenantParts {
  readonly store: TaskStore;
  /** Of all tasks. */
  readonly services: ApiServices;
  readonly taskOptions: TaskServiceOptions;
  readonly monitorOptions: MonitorServiceOptions;
  readonly countStats: (monitor: MonitorService) => Monitor;
  readonly uploads: Pick<Uploads, "take">;
  readonly uploadTtlMs: number;
}

/** Makes the use cases of each tenant. */
export function openTenants(
  tenants: readonly Tenant[],
  parts: TenantParts,
  opened: DisposalStack,
): ReadonlyMap<string, TenantServices> {
  // Where there is but one tenant, nobody's uploads need to be told from another's.
  const isAlone = tenants.length === 1;
  const all = [...tenants, { name: NO_TENANT }];
  return new Map(all.map((tenant) => [tenant.name, openTenant(tenant, isAlone, parts, opened)]));
}

function openTenant(
  tenant: Tenant,
  isAlone: boolean,
  { services, taskOptions, countStats, ...parts }: TenantParts,
  opened: DisposalStack,
): TenantServices {
  const { name } = tenant;
  const { uploads, uploadTtlMs: ttlMs } = parts;
  const { uploads: ledger } = parts.store;
  const store = storeOfTenant(parts.store, name);
  const monitorOptions = { ...parts.monitorOptions, store };
  const { stats, watchStats } = countStats(opened.use(new MonitorService(monitorOptions)));
  const sources = isAlone
    ? taskOptions.sources
    : taskOptions.sources.map((source) =>
        source.scheme === UPLOAD_SCHEME ? sourceOfTenant(source, { ledger, tenant: name }) : source,
      );
  const tenantUploads = uploadsOf(tenant, { uploads, ledger, ttlMs });
  const own: ApiServices = {
    ...{ ...services, uploads: tenantUploads },
    monitor: { ...services.monitor, stats, watchStats },
    tasks: new TaskService({
      ...{ ...taskOptions, ...watchersOfTenant(taskOptions, store, name) },
      ...{ store, sources, tenant: name },
    }),
    deliveries: new DeliveryService(store),
  };
  const tasks = new TaskService({ ...taskOptions, tenant: name });
  return { own: withoutServers(own), all: { ...services, uploads: tenantUploads, tasks } };
}

/** Uploads that are noted as a tenant's: those of `default` only where they are capped. */
export function uploadsOf(
  { name: tenant, maxUploadBytes: maxBytes }: Tenant,
  {
    uploads,
    ledger,
    ttlMs,
  }: {
    readonly uploads: Pick<Uploads, "take">;
    readonly ledger: TaskStore["uploads"];
    readonly ttlMs: number;
  },
): Pick<Uploads, "take"> {
  if (tenant === DEFAULT_TENANT && maxBytes === undefined) return uploads;
  return uploadsOnAccount(uploads, new UploadAccount({ ledger, tenant, maxBytes, ttlMs }));
}
