import { quantile } from "./quantile.js";

/** What a number of clients achieved together. */
export interface LoadResult {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/**
 * Lets clients call one after the other, each as fast as it is answered, for a while. What happens in
 * the first fifth of the time warms up and does not count.
 */
export async function runLoad(
  clientCount: number,
  durationMs: number,
  call: () => Promise<unknown>,
): Promise<LoadResult> {
  const startMs = performance.now();
  const countFromMs = startMs + durationMs / 5;
  const endMs = startMs + durationMs;
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
