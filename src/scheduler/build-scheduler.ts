import { randomUUID } from "node:crypto";
import type { RetryLimits } from "../domain/retry-policy.js";
import { runningCaps, type Tenant } from "../domain/tenant.js";
import type { InputAgent } from "../input/download-input.js";
import type { InputSource } from "../input/input-source.js";
import { defined } from "../lib/defined.js";
import type { Logger } from "../lib/logger.js";
import { Semaphore } from "../lib/semaphore.js";
import type { DownloadContext } from "../pipeline/download-stage.js";
import { PieceSource } from "../pipeline/film/piece-source.js";
import type { UploadContext } from "../pipeline/upload-stage.js";
import { WorkDirs } from "../pipeline/work-dir.js";
import { WorkSpace } from "../pipeline/work-space.js";
import type { Pool } from "../pool/pool.js";
import type { TaskStore } from "../store/task-store.js";
import type { WorkflowCatalog } from "../workflow/catalog/catalog.js";
import type { InputPictures } from "./run/run-context.js";
import { Scheduler } from "./scheduler.js";

/** The settings of the scheduler and of the runs that it starts; times in milliseconds. */
export interface SchedulerSettings {
  readonly scheduler: RetryLimits & {
    readonly leaseMs: number;
    /** Inputs fetched ahead per server. */
    readonly prefetchCount: number;
    /** Results that are stored at the same time. */
    readonly uploadCount: number;
    readonly maxBypassCount: number;
    readonly maxBypassMs: number;
  };
  readonly pool: {
    readonly stallMs: number;
    readonly stallMinMs: number;
    readonly serverLostMs: number;
    readonly taskTimeoutMs?: number;
  };
  readonly input: {
    readonly userAgent: string;
    readonly maxBytes: number;
    readonly timeoutMs: number;
    readonly maxPixels: number;
  };
  readonly films: {
    readonly chunkFrames?: number;
    readonly maxServers?: number;
    readonly previewMs: number;
  };
  /** Who may have how many tasks running. */
  readonly tenants: readonly Tenant[];
  readonly checkResults: boolean;
  /** Empty where the built-in CPU server does the work. */
  readonly servers: readonly object[];
  readonly keepGraph: boolean;
  /** Where this process keeps its work directories. */
  readonly workPath: string;
  readonly workMaxBytes: number;
}

/** The objects that the scheduler works with. */
export interface SchedulerParts {
  readonly store: TaskStore;
  readonly pool: Pool;
  readonly storage: UploadContext["storage"];
  readonly catalog: WorkflowCatalog;
  readonly guard: DownloadContext["download"]["guard"];
  readonly inputAgent: InputAgent;
  /** Sources of inputs that are not on the network. */
  readonly sources: readonly InputSource[];
  readonly previews: InputPictures;
  readonly logger: Logger;
}

/** How many results may wait, for each that is being stored, before no more tasks are begun. */
const BACKLOG_PER_UPLOAD = 2;

/** Cutting copies packets, which a disk does for few at a time. */
const CUTS_AT_ONCE = 2;
/** How long a storage that fails is waited for with the pieces of a film. */
const STORAGE_WAIT_MS = 600_000;

/** Makes the scheduler; it leases nothing before it is started. */
export function buildScheduler(settings: SchedulerSettings, parts: SchedulerParts): Scheduler {
  const { pool, scheduler, workPath } = settings;
  const { storage, guard, inputAgent, sources, ...shared } = parts;
  const { chunkFrames, maxServers, previewMs } = settings.films;
  const workSpace = new WorkSpace(workPath, settings.workMaxBytes, parts.logger);
  const patience = { pauseMs: scheduler.retryDelayMs, limitMs: STORAGE_WAIT_MS };
  const pieces = new PieceSource({ storage, patience });
  return new Scheduler({
    context: {
      ...shared,
      workDirs: new WorkDirs(workPath),
      upload: { storage, keepGraph: settings.keepGraph, checkResults: settings.checkResults },
      download: downloadContext(settings, { guard, inputAgent, sources: [...sources, pieces] }),
      films: {
        ...{ workSpace, patience, hasPreviews: previewMs > 0 },
        ...defined({ chunkFrames }),
        cuts: new Semaphore(CUTS_AT_ONCE),
      },
      uploads: new Semaphore(scheduler.uploadCount),
      stallMs: pool.stallMs,
      stallMinMs: pool.stallMinMs,
      serverLostMs: pool.serverLostMs,
      ...(pool.taskTimeoutMs !== undefined && { runMaxMs: pool.taskTimeoutMs }),
      limits: scheduler,
    },
    owner: randomUUID(),
    leaseMs: scheduler.leaseMs,
    prefetchCount: scheduler.prefetchCount,
    workSpace,
    maxBacklogCount: scheduler.uploadCount * BACKLOG_PER_UPLOAD,
    maxBypassCount: scheduler.maxBypassCount,
    maxBypassMs: scheduler.maxBypassMs,
    ...defined({ maxFilmServers: maxServers, maxRunning: runningCaps(settings.tenants) }),
  });
}

function downloadContext(
  { input: { userAgent, maxBytes, timeoutMs, maxPixels }, servers }: SchedulerSettings,
  { guard, inputAgent, sources }: Pick<SchedulerParts, "guard" | "inputAgent" | "sources">,
): DownloadContext {
  const { dispatcher: agent } = inputAgent;
  const download = { guard, agent, userAgent, maxBytes, totalTimeoutMs: timeoutMs };
  return {
    download,
    sources,
    limits: { maxPixels, isBuiltInOnly: servers.length === 0 },
  };
}
