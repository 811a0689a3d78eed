import type { PortLimits } from "./listener/one-port.js";

/** What clients may ask of the API. */
export interface ApiLimits extends Omit<PortLimits, "bodyTimeoutMs"> {
  /** The largest request message; above it RESOURCE_EXHAUSTED, over REST 413. */
  readonly maxRequestBytes: number;
  /** How long a unary call may take; then DEADLINE_EXCEEDED. */
  readonly maxTimeoutMs: number;
  /** How long the body of a request may take; then 408. Not for uploads. */
  readonly bodyTimeoutMs: number;
}

/** Sane for a server that any program may talk to. */
export const DEFAULT_LIMITS: ApiLimits = {
  maxRequestBytes: 1024 * 1024,
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
  // A gateway puts all its clients' streams on few connections; a stream costs some 40 kB.
  maxConcurrentStreams: 10_000,
  maxSessionMegabytes: 100,
};
