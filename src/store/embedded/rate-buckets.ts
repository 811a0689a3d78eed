import type { Bucket, RateBuckets, TakenTokens } from "../rate-buckets.js";

interface Level {
  readonly tokens: number;
  readonly atMs: number;
}

/** More buckets than this are forgotten, those first that were not used for longest. */
const MAX_BUCKETS = 10_000;

/** Buckets in memory only: no other process has the file open. A restart fills them. */
export class EmbeddedRateBuckets implements RateBuckets {
  readonly #clock: () => number;
  readonly #levels = new Map<string, Level>();

  constructor(clock: () => number) {
    this.#clock = clock;
  }

  async take(bucket: Bucket, want: number, mayOwe = false): Promise<TakenTokens> {
    const atMs = this.#clock();
    const filled = filledAt(bucket, this.#levels.get(bucket.id), atMs);
    const granted = mayOwe ? want : Math.max(0, Math.min(want, Math.floor(filled)));
    const left = filled - granted;
    this.#levels.delete(bucket.id);
    this.#levels.set(bucket.id, { tokens: left, atMs });
    const [oldest] = this.#levels.keys();
    if (this.#levels.size > MAX_BUCKETS && oldest !== undefined) this.#levels.delete(oldest);
    return { granted, left };
  }
}

function filledAt({ capacity, perSecond }: Bucket, level: Level | undefined, atMs: number): number {
  if (level === undefined) return capacity;
  const seconds = Math.max(0, atMs - level.atMs) / 1000;
  return Math.min(capacity, level.tokens + seconds * perSecond);
}
