import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { deepFreeze } from "../lib/deep-freeze.js";
import { defined } from "../lib/defined.js";
import { readYaml } from "../lib/read-yaml.js";
import { type AccessConfig, toAccess } from "./access-config.js";
import { type ConfigFile, readSettings, type Settings } from "./read-settings.js";
import type { ServerSetting } from "./server-setting.js";
import { type TenantSetting, toTenants } from "./tenant-setting.js";

/**
 * The whole configuration, grouped by the objects of `app.ts` that need it. Durations are in
 * milliseconds.
 */
export interface Config {
  readonly api: {
    readonly hosts: readonly string[];
    readonly port: number;
    readonly corsOrigins: readonly string[];
    /** Without ports; the public URL's is among them. */
    readonly allowedHosts: readonly string[];
    readonly limits: { readonly maxConnectionCount: number };
  };
  /** Access by keys. Absent: nobody is asked for one. */
  readonly access?: AccessConfig;
  /** `default` is always among them. */
  readonly tenants: readonly TenantSetting[];
  /** Base of the URLs of local results. Absent: made from the port. */
  readonly publicUrl?: string;
  readonly dataDir: string;
  /**
   * How many bytes all work directories may hold together. Above that, no further task is begun.
   */
  readonly workMaxBytes: number;
  readonly graceMs: number;
  readonly logLevel: Settings["logLevel"];
  readonly store: {
    /** Absent: the embedded store is used. */
    readonly mongodbUri?: string;
    readonly maxPendingCount?: number;
    /** Absent: ended tasks are kept for ever. */
    readonly retentionMs?: number;
    /** Whether results stay when their task is deleted. */
    readonly keepOutputs: boolean;
  };
  /** Empty: the built-in CPU server is used. */
  readonly servers: readonly ServerSetting[];
  readonly cpuThreads?: number;
  readonly pool: {
    readonly serverLostMs: number;
    readonly stallMs: number;
    readonly stallMinMs: number;
    readonly taskTimeoutMs?: number;
  };
  readonly input: {
    readonly allow: readonly string[];
    /** Absent: local files cannot be inputs. */
    readonly directory?: string;
    readonly maxBytes: number;
    readonly maxPixels: number;
    readonly timeoutMs: number;
    readonly userAgent: string;
  };
  readonly uploads: {
    /** At most the size limit of inputs. */
    readonly maxBytes: number;
    readonly maxCount: number;
    readonly maxTotalBytes: number;
    readonly idleMs: number;
    readonly ttlMs: number;
  };
  readonly workflows: {
    readonly directory: string;
    readonly defaults: { readonly image: readonly string[]; readonly video: readonly string[] };
    readonly models: Readonly<Record<string, string>>;
  };
  readonly films: {
    /** Frames of a chunk at most. Absent: as the servers' memory has it. */
    readonly chunkFrames?: number;
    /** How many chunks of one film run at a time while others wait. Absent: any number. */
    readonly maxServers?: number;
    /** How long previews are kept after a film's end. 0: none are made. */
    readonly previewMs: number;
  };
  readonly scheduler: {
    readonly maxRetries: number;
    readonly retryDelayMs: number;
    readonly leaseMs: number;
    readonly prefetchCount: number;
    readonly uploadCount: number;
    readonly uploadRetryMs: number;
    readonly maxBypassCount: number;
    readonly maxBypassMs: number;
  };
  /** Whether result files keep the graph that ComfyUI writes into them. */
  readonly checkResults: boolean;
  readonly keepGraph: boolean;
  /** Absent: results are kept on the local disk. */
  readonly oss?: OssConfig;
  readonly webhooks: WebhookConfig;
  /** Warnings that are logged once at the start. */
  readonly warnings: readonly string[];
}

/** Settings of Aliyun OSS. */
export interface OssConfig {
  readonly endpoint: string;
  readonly region?: string;
  readonly bucket: string;
  /** May be absent only if there is a `credentialsUrl`. */
  readonly accessKeyId?: string;
  readonly accessKeySecret?: string;
  readonly stsToken?: string;
  readonly credentialsUrl?: string;
  readonly publicBaseUrl?: string;
  readonly internal: boolean;
  readonly cname: boolean;
  readonly signedUrlMs?: number;
}

/** Settings of webhooks. */
export interface WebhookConfig {
  /** Empty: there are no webhooks. */
  readonly secrets: readonly string[];
  /** Of tasks whose request names none. */
  readonly fallback?: { readonly url: string; readonly events: Settings["webhookEvents"] };
  /** What they may lead to although it is not public. */
  readonly allow: readonly string[];
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the process's environment and its configuration file. The file is `TMLSR_CONFIG`, otherwise
 * `config.yaml` in the working directory if it exists.
 *
 * @throws Error that names every unknown key and every bad value with its source.
 */
export function readConfig(): Config {
  return toConfig(readSettings(process.env, readFile(process.env)));
}

function readFile(environment: Environment): ConfigFile | undefined {
  const named = environment["TMLSR_CONFIG"];
  const name = named ?? "config.yaml";
  if (named === undefined && !existsSync(name)) return undefined;
  try {
    return { name, content: readYaml(readFileSync(name, "utf8")) };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`Cannot read the configuration file "${name}": ${reason}`, { cause });
  }
}

/** Makes the configuration from the settings. Does no I/O. */
export function toConfig(settings: Settings): Config {
  const s = settings;
  const single = s.comfyuiAddress ? [s.comfyuiAddress] : [];
  return deepFreeze({
    api: toApi(s),
    ...defined({
      publicUrl: s.publicUrl?.replace(/\/+$/, ""),
      cpuThreads: s.cpuThreads,
      oss: toOss(s),
      access: toAccess(s),
    }),
    tenants: toTenants(s.tenants),
    dataDir: resolve(s.dataDir),
    workMaxBytes: s.workMaxMb * 1024 * 1024,
    graceMs: s.graceSeconds * 1000,
    logLevel: s.logLevel,
    store: toStore(s),
    servers: s.comfyuiServers.length > 0 ? s.comfyuiServers : single,
    pool: toPool(s),
    input: {
      allow: s.inputAllow,
      ...defined({ directory: s.inputDirectory && resolve(s.inputDirectory) }),
      maxBytes: s.inputMaxMb * 1024 * 1024,
      maxPixels: s.inputMaxMegapixels * 1_000_000,
      timeoutMs: s.inputTimeoutSeconds * 1000,
      userAgent: s.userAgent,
    },
    uploads: toUploads(s),
    workflows: {
      directory: resolve(s.workflowsDir),
      defaults: { image: s.defaultImage, video: s.defaultVideo },
      models: s.models,
    },
    films: {
      ...defined({ chunkFrames: s.filmChunkFrames, maxServers: s.filmMaxServers }),
      previewMs: s.filmPreviewSeconds * 1000,
    },
    scheduler: {
      maxRetries: s.maxRetries,
      retryDelayMs: s.retryDelaySeconds * 1000,
      leaseMs: s.leaseSeconds * 1000,
      prefetchCount: s.prefetch,
      uploadCount: s.uploads,
      uploadRetryMs: s.uploadRetryHours * 3_600_000,
      maxBypassCount: s.maxBypassCount,
      maxBypassMs: s.maxBypassSeconds * 1000,
    },
    webhooks: toWebhooks(s),
    checkResults: s.checkResults,
    keepGraph: s.keepGraph,
    warnings:
      s.maxWorkers === undefined
        ? []
        : ["The setting server.max_workers is ignored: the pool decides"],
  });
}

function toStore(s: Settings): Config["store"] {
  return {
    ...defined({
      mongodbUri: s.mongodbUri,
      maxPendingCount: s.maxPending,
      retentionMs: s.retentionDays && s.retentionDays * 86_400_000,
    }),
    keepOutputs: s.keepOutputs,
  };
}

function toWebhooks(s: Settings): WebhookConfig {
  const { webhookUrl: url, webhookEvents: events, webhookSecrets: secrets } = s;
  if (url !== undefined && secrets.length === 0)
    throw new Error(
      "Cannot start, the configuration is wrong: webhooks.url is set, so webhooks.secrets (TMLSR_WEBHOOK_SECRETS) is needed too",
    );
  return {
    ...{ secrets, allow: s.webhookAllow },
    ...(url !== undefined && { fallback: { url, events } }),
  };
}

function toApi(s: Settings): Config["api"] {
  const ownHosts = s.publicUrl === undefined ? [] : [new URL(s.publicUrl).hostname];
  return {
    ...{ hosts: s.host, port: s.port, corsOrigins: s.corsOrigins },
    allowedHosts: [...s.allowedHosts, ...ownHosts],
    limits: { maxConnectionCount: s.maxConnections },
  };
}

function toUploads(s: Settings): Config["uploads"] {
  const maxBytes = Math.min(s.uploadMaxMb ?? s.inputMaxMb, s.inputMaxMb) * 1024 * 1024;
  return {
    maxBytes,
    maxCount: s.uploadMaxCount,
    maxTotalBytes: Math.max(s.uploadUnfinishedMb * 1024 * 1024, maxBytes),
    idleMs: s.uploadIdleSeconds * 1000,
    ttlMs: s.uploadTtlHours * 3_600_000,
  };
}

function toPool(s: Settings): Config["pool"] {
  return {
    serverLostMs: s.serverLostMs,
    stallMs: s.stallSeconds * 1000,
    stallMinMs: s.stallMinSeconds * 1000,
    ...defined({ taskTimeoutMs: s.taskTimeoutHours && s.taskTimeoutHours * 3_600_000 }),
  };
}

function toOss(s: Settings): OssConfig | undefined {
  if (s.ossEndpoint === undefined) return undefined;
  const need = (value: string | undefined, key: string): string => {
    if (value === undefined)
      throw new Error(
        `Cannot start, the configuration is wrong: oss.endpoint is set, so ${key} is needed too`,
      );
    return value;
  };
  return {
    endpoint: s.ossEndpoint,
    bucket: need(s.ossBucket, "oss.bucket_name (OSS_BUCKET)"),
    ...(s.ossCredentialsUrl !== undefined
      ? { credentialsUrl: s.ossCredentialsUrl }
      : {
          accessKeyId: need(s.ossAccessKeyId, "oss.access_key_id (OSS_ACCESS_KEY_ID)"),
          accessKeySecret: need(
            s.ossAccessKeySecret,
            "oss.access_key_secret (OSS_ACCESS_KEY_SECRET)",
          ),
        }),
    internal: s.ossInternal,
    cname: s.ossCname,
    ...defined({
      region: s.ossRegion,
      stsToken: s.ossStsToken,
      publicBaseUrl: s.ossPublicBaseUrl?.replace(/\/+$/, ""),
      signedUrlMs: s.ossSignedUrlSeconds && s.ossSignedUrlSeconds * 1000,
    }),
  };
}
