import type { PortLimits } from "./listener/one-port.js";

/** Limits on what clients may use of the API. */
export interface ApiLimits extends Omit<PortLimits, "bodyTimeoutMs"> {
  /** The largest request message. A larger one gets RESOURCE_EXHAUSTED, over REST 413. */
  readonly maxRequestBytes: number;
  /** The same for a request with many tasks. */
  readonly maxBatchBytes: number;
  /** Time limit of a unary call. After it the call fails with DEADLINE_EXCEEDED. */
  readonly maxTimeoutMs: number;
  /** Time limit of a request's body. After it the answer is 408. Does not apply to uploads. */
  readonly bodyTimeoutMs: number;
}

/** Limits for a server that any program may call. */
export const DEFAULT_LIMITS: ApiLimits = {
  maxRequestBytes: 1024 * 1024,
  maxBatchBytes: 8 * 1024 * 1024,
  maxTimeoutMs: 30_000,
  sniffTimeoutMs: 10_000,
  headersTimeoutMs: 10_000,
  bodyTimeoutMs: 30_000,
  keepAliveTimeoutMs: 72_000,
  maxConnectionCount: 10_000,
  stallTimeoutMs: 60_000,
  sweepIntervalMs: 1_000,
  pingIntervalMs: 20_000,
  pingTimeoutMs: 10_000,
  // A gateway puts the streams of all its clients on few connections. A stream costs about 40 kB.
  maxConcurrentStreams: 10_000,
  maxSessionMegabytes: 100,
};
