import { ComfyServer } from "../comfy/comfy-server.js";
import { DEFAULT_LIMITS, type ServerLimits } from "../comfy/server-limits.js";
import type { DisposalStack } from "../lib/disposal-stack.js";
import type { Logger } from "../lib/logger.js";
import { type LearnedTimeBook, LearnedTimesKeeper } from "./learned/learned-times-keeper.js";
import { Pool } from "./pool.js";
import { PoolServer, type PoolServerOptions } from "./server/pool-server.js";

/** One server of the pool as it is configured. */
export interface ServerSettings extends Omit<PoolServerOptions, "id" | "comfy"> {
  /** The server's name in slots and dispatches, the same after every start. @default its address */
  readonly id?: string;
  /** http(s) URL; may carry a path prefix, credentials and a query for a gateway. */
  readonly url: string;
  /** Sent with every request to it. */
  readonly headers: Readonly<Record<string, string>>;
}

/** What {@link openPool} needs. */
export interface OpenPoolOptions {
  readonly servers: readonly ServerSettings[];
  /** Keeps what is learned of how long prompts take. */
  readonly book: LearnedTimeBook;
  /** How long to wait for a silent server that may still hold a prompt, in milliseconds. */
  readonly serverLostMs: number;
  readonly maxBypassCount: number;
  readonly maxBypassMs: number;
  readonly logger: Logger;
}

/** Makes the pool and a client for each of its servers; none of them is called yet. */
export function openPool(options: OpenPoolOptions, opened: DisposalStack): Pool {
  const { book, serverLostMs, maxBypassCount, maxBypassMs, logger } = options;
  const limits = patience(serverLostMs);
  const servers = options.servers.map(({ id, url, headers, queueDepth, folders }) => {
    const comfy = opened.use(new ComfyServer({ url, headers, limits, logger }));
    return new PoolServer({ id: id ?? comfy.address, comfy, queueDepth, folders });
  });
  const pool = opened.use(new Pool({ servers, logger, maxBypassCount, maxBypassMs }));
  opened.use(new LearnedTimesKeeper({ learned: pool.learned, book, logger }));
  return pool;
}

/** Limits the wait for one answer to the wait for a server that may still hold a prompt. */
function patience(serverLostMs: number): Pick<ServerLimits, "requestMs" | "lookUpMs"> {
  const atMost = (ms: number): number => Math.max(1_000, Math.min(ms, serverLostMs));
  const { requestMs, lookUpMs } = DEFAULT_LIMITS;
  return { requestMs: atMost(requestMs), lookUpMs: atMost(lookUpMs) };
}
