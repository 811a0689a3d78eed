import { AuditLog } from "./access/audit-log.js";
import { repeatAuditSweeps } from "./access/audit-sweeps.js";
import { FailedTries } from "./access/failed-tries.js";
import { ensureFirstKey } from "./access/first-key.js";
import { Gate } from "./access/gate.js";
import { KeyLimits, type Limits } from "./access/key-limits.js";
import { KeyRing } from "./access/key-ring.js";
import { Keys } from "./access/keys.js";
import { LinkSigner } from "./access/link-signer.js";
import { signTasks, signUrls } from "./access/sign-urls.js";
import type { ApiAccess } from "./api/create-app.js";
import type { ApiServices } from "./api/rpc/services.js";
import type { Config } from "./config/config.js";
import { type Caller, seesAll } from "./domain/caller.js";
import { defined } from "./lib/defined.js";
import type { DisposalStack } from "./lib/disposal-stack.js";
import type { Logger } from "./lib/logger.js";
import type { Metrics } from "./metrics/metrics.js";
import { NO_TENANT, type TenantServices } from "./open-tenants.js";
import type { ObjectStorage } from "./storage/object-storage.js";
import type { RateBuckets } from "./store/rate-buckets.js";
import type { TaskStore } from "./store/task-store.js";

/** The parts of access by keys. */
export interface OpenedAccess {
  readonly keys: Keys;
  readonly audit: AuditLog;
  /** Judges requests for the API, which then serves them by what is there for their tenant. */
  gate(tenants: ReadonlyMap<string, TenantServices>): ApiAccess;
  /** What tasks are shown with: their links are signed. */
  readonly view: {
    readonly storage: Pick<ObjectStorage, "url" | "probe">;
    readonly linkQueryOf: (taskId: string) => string;
    readonly isByKeys: true;
  };
}

/** What access works with. */
export interface AccessParts {
  readonly store: TaskStore;
  readonly storage: ObjectStorage;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** A part of `app.ts`: access by keys, where it is configured. */
export async function openAccess(
  { access, tenants, dataDir, oss }: Config,
  { store, storage, metrics, logger }: AccessParts,
  opened: DisposalStack,
): Promise<OpenedAccess | undefined> {
  if (access === undefined) return undefined;
  const { keys } = store;
  const names = new Set(tenants.map(({ name }) => name));
  const hasTenant = (tenant: string) => names.has(tenant);
  const log = logger.child({ part: "access" });
  await ensureFirstKey({ store, dataDir, logger: log });
  const ring = opened.use(await KeyRing.open({ keys, hasTenant, logger: log }));
  const audit = opened.use(new AuditLog({ archive: keys.audit, logger: log }));
  const { auditMs: keptMs } = access;
  opened.use(repeatAuditSweeps({ store, archive: keys.audit, keptMs, logger: log }));
  const signer = new LinkSigner(await keys.secret());
  const gate = new Gate(ring, new FailedTries(access.maxTries));
  // Objects of OSS are served by OSS, which signs for itself.
  const signed = oss === undefined ? signUrls(storage, signer) : storage;
  return {
    ...{ keys: new Keys({ keys, ring, hasTenant }), audit },
    view: {
      storage: { url: (key) => signed.url(key), probe: (signal) => storage.probe(signal) },
      linkQueryOf: signTasks(signer),
      isByKeys: true,
    },
    gate: (served) => ({
      identify: (key, address) => gate.identify(key, address),
      isSigned: (path, query) => signer.isSigned(path, query),
      open: access.open,
      note: (...args) => audit.note(...args),
      onRefused: metrics.countRefusals(),
      ...openLimits(access, keys.buckets, log),
      servicesFor: (caller) => servicesFor(caller, served),
    }),
  };
}

/** Whoever has no tenant (a request without a key, a signed link) finds nobody's tasks. */
function servicesFor(caller: Caller, served: ReadonlyMap<string, TenantServices>): ApiServices {
  const tenant = served.get(caller.tenant) ?? served.get(NO_TENANT);
  if (tenant === undefined) throw new Error("There are no use cases for whoever has no tenant");
  return seesAll(caller) ? tenant.all : tenant.own;
}

/** What limits keys; where there are no limits, nothing is counted. */
function openLimits(
  { requestsPerMinute, uploadBytesPerMinute }: Limits,
  buckets: RateBuckets,
  logger: Logger,
): Pick<ApiAccess, "charge" | "spendBytes"> {
  if (requestsPerMinute === undefined && uploadBytesPerMinute === undefined)
    return { spendBytes: () => undefined };
  const options = defined({ requestsPerMinute, uploadBytesPerMinute });
  const limits = new KeyLimits({ ...options, buckets, logger });
  return {
    charge: ({ keyId = "" }, isUpload) => limits.charge(keyId, isUpload),
    spendBytes: ({ keyId = "" }, byteCount) => limits.spendBytes(keyId, byteCount),
  };
}
