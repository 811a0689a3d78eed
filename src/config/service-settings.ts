import { z } from "zod";
import { aboveZero, count, flag, hosts, list, positive, seconds, setting, text } from "./setting.js";

/** Where the service listens, keeps its state and how it retries. */
export const SERVICE_SETTINGS = {
  host: setting({
    env: "TMLSR_HOST",
    key: "server.host",
    schema: list,
    fallback: ["127.0.0.1", "::1"],
    fallbackText: "loopback (`127.0.0.1` and `::1`)",
    text: "Addresses to listen on; `0.0.0.0` for every interface. There is no access control of its own: put a gateway in front.",
  }),
  port: setting({
    env: "TMLSR_PORT",
    key: "server.port",
    schema: count.max(65_535, "must be at most 65535"),
    fallback: 6008,
    text: "The one port for gRPC, gRPC-Web, Connect and REST; 0 picks a free one.",
  }),
  publicUrl: setting({
    env: "TMLSR_PUBLIC_URL",
    key: "server.public_url",
    schema: z.url({ protocol: /^https?$/ }).optional(),
    fallback: undefined,
    fallbackText: "`http://localhost:PORT`",
    text: "Base of the URLs of results kept on local disk.",
  }),
  corsOrigins: setting({
    env: "TMLSR_CORS_ORIGINS",
    key: "server.cors_origins",
    schema: list,
    fallback: [],
    fallbackText: "none (off)",
    text: "Origins whose pages may call the API; `*` for any.",
  }),
  allowedHosts: setting({
    env: "TMLSR_ALLOWED_HOSTS",
    key: "server.allowed_hosts",
    schema: hosts,
    fallback: [],
    fallbackText: "none",
    text: "Host names that requests may be for beside `localhost`, loopback addresses and the public URL's, where the service listens on loopback only: of a gateway on this machine that passes its own `Host` on. Without ports.",
  }),
  maxConnections: setting({
    env: "TMLSR_MAX_CONNECTIONS",
    key: "server.max_connections",
    schema: positive,
    fallback: 10_000,
    text: "Connections that may be open at once; further ones are refused with 503. A stream over HTTP/1.1 is a connection. Keep it below the number of files that the process may open.",
  }),
  graceSeconds: setting({
    env: "TMLSR_GRACE_SECONDS",
    key: "server.grace_seconds",
    schema: seconds,
    fallback: 25,
    text: "How long a stop may take. Prompts that run on a ComfyUI server go on and are taken up again after the next start.",
  }),
  dataDir: setting({
    env: "TMLSR_DATA_DIR",
    key: "server.data_dir",
    schema: text,
    fallback: "data",
    text: "Embedded store, local results and work directories.",
  }),
  logLevel: setting({
    env: "TMLSR_LOG_LEVEL",
    key: "server.log_level",
    schema: z.enum(["trace", "debug", "info", "warn", "error", "silent"]),
    fallback: "info" as const,
    text: "Least severe lines to log, as JSON on standard output.",
  }),
  maxRetries: setting({
    env: "TMLSR_MAX_RETRIES",
    key: "server.max_retries",
    schema: count,
    fallback: 3,
    text: "Attempts after the first. Faults of a server spend none.",
  }),
  retryDelaySeconds: setting({
    env: "TMLSR_RETRY_DELAY",
    key: "server.retry_delay",
    schema: seconds,
    fallback: 5,
    text: "Base of the pause before a retry, in seconds; it doubles each time, with jitter, up to 5 minutes.",
  }),
  maxWorkers: setting({
    key: "server.max_workers",
    schema: z.unknown().optional(),
    fallback: undefined,
    text: "Accepted from older configuration files and ignored: the pool decides.",
  }),
  maxPending: setting({
    env: "TMLSR_MAX_PENDING",
    key: "server.max_pending",
    schema: positive.optional(),
    fallback: undefined,
    fallbackText: "no limit",
    text: "Tasks that may wait; further ones are refused with 429.",
  }),
  retentionDays: setting({
    env: "TMLSR_RETENTION_DAYS",
    key: "server.retention_days",
    schema: aboveZero.optional(),
    fallback: undefined,
    fallbackText: "kept for ever",
    text: "Days after which ended tasks are deleted.",
  }),
  keepOutputs: setting({
    env: "TMLSR_KEEP_OUTPUTS",
    key: "server.keep_outputs",
    schema: flag,
    fallback: true,
    text: "Leave the results of deleted tasks where they are; `false` deletes them first. OSS then wants the right to.",
  }),
  mongodbUri: setting({
    env: "MONGODB_URI",
    key: "mongodb.uri",
    schema: z
      .string()
      .regex(/^mongodb(\+srv)?:\/\//, "must begin with mongodb:// or mongodb+srv://")
      .optional(),
    fallback: undefined,
    fallbackText: "the embedded store",
    text: "MongoDB (a replica set, for several processes).",
    secret: true,
  }),
} as const;
