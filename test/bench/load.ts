import { quantile } from "./quantile.js";

/** What a number of clients achieved together. */
export interface LoadResult {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Lets clients call one after the other, each as fast as it is answered, for a while, after `warmMs` that do not count. */
export async function runLoad(
  clientCount: number,
  durationMs: number,
  call: () => Promise<unknown>,
  warmMs = durationMs / 4,
): Promise<LoadResult> {
  const startMs = performance.now();
  const countFromMs = startMs + warmMs;
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
