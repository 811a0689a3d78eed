import { quantile } from "./quantile.js";

/** What a number of clients achieved together. */
export interface LoadResult {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** A service has run for long when it counts: what is called often has been compiled by then. */
const WARM_MS = 2_000;

/** Lets clients call one after the other, each as fast as it is answered, for a while, after a while that does not count. */
export async function runLoad(
  clientCount: number,
  durationMs: number,
  call: () => Promise<unknown>,
): Promise<LoadResult> {
  const startMs = performance.now();
  const countFromMs = startMs + WARM_MS;
  const endMs = countFromMs + durationMs;
  const latenciesMs: number[] = [];
  const client = async (): Promise<void> => {
    for (;;) {
      const sentMs = performance.now();
      if (sentMs >= endMs) return;
      await call();
      if (sentMs >= countFromMs) latenciesMs.push(performance.now() - sentMs);
    }
  };
  await Promise.all(Array.from({ length: clientCount }, client));
  return {
    perSecond: latenciesMs.length / ((performance.now() - countFromMs) / 1000),
    p50Ms: quantile(latenciesMs, 0.5),
    p99Ms: quantile(latenciesMs, 0.99),
  };
}
