import type { Logger } from "../lib/logger.js";
import { untilAborted } from "../lib/until-aborted.js";
import type { Bucket, RateBuckets } from "../store/rate-buckets.js";

/** What a {@link KeyBucket} works with. */
export interface KeyBucketOptions {
  readonly bucket: Bucket;
  readonly buckets: RateBuckets;
  readonly logger: Logger;
  /** Milliseconds of any steady clock. */
  readonly now: () => number;
}

/** A replica takes so many parts of a bucket at a time. */
const BATCHES = 20;
/** An empty bucket is not asked again before. */
const MIN_PAUSE_MS = 100;
/** Whoever waits for the store longer goes on without it. */
const STORE_LIMIT_MS = 1_000;

/**
 * What this replica has of a bucket that all replicas share: it takes a twentieth of the bucket at a
 * time, so that most requests wait for nobody. What it holds is out of the bucket; so each replica can let
 * through one batch more than the bucket alone would. While the store does not answer, nobody is refused.
 */
export class KeyBucket {
  readonly #options: KeyBucketOptions;
  readonly #batch: number;
  /** Below 0: what was used beyond what was taken. */
  #held = 0;
  #left = 0;
  #leftAtMs = 0;
  #emptyUntilMs = Number.NEGATIVE_INFINITY;
  #asking: Promise<void> | undefined;

  constructor(options: KeyBucketOptions) {
    this.#options = options;
    this.#batch = Math.max(1, Math.ceil(options.bucket.capacity / BATCHES));
    this.#left = options.bucket.capacity;
    this.#leftAtMs = options.now();
  }

  /** How many tokens are there, as far as this replica knows. */
  get remaining(): number {
    const { bucket, now } = this.#options;
    const gained = ((now() - this.#leftAtMs) / 1000) * bucket.perSecond;
    const left = Math.min(bucket.capacity, this.#left + gained);
    return Math.min(bucket.capacity, Math.max(0, Math.floor(left + this.#held)));
  }

  /** How long until the bucket is full again, in seconds. */
  get fullInSeconds(): number {
    const { capacity, perSecond } = this.#options.bucket;
    return Math.ceil((capacity - this.remaining) / perSecond);
  }

  /** Takes a token of those that are held. @returns whether there was one. */
  takeHeld(): boolean {
    if (this.#held < 1) return false;
    this.#held -= 1;
    return true;
  }

  /** Takes a token. @returns undefined, or after how many milliseconds there may be one. */
  async take(): Promise<number | undefined> {
    while (!this.takeHeld()) {
      const waitMs = this.#emptyUntilMs - this.#options.now();
      if (waitMs > 0) return waitMs;
      await this.#ask(() => this.#refill());
    }
    return undefined;
  }

  /** Notes tokens that were used, whether or not there were so many. The bucket may owe them. */
  spend(count: number): void {
    this.#held -= count;
    if (this.#held <= -this.#batch) void this.#ask(() => this.#pay());
  }

  /** One question at a time, for all who wait. */
  async #ask(question: () => Promise<void>): Promise<void> {
    this.#asking ??= question().finally(() => {
      this.#asking = undefined;
    });
    await this.#asking;
  }

  async #refill(): Promise<void> {
    await this.#exchange(this.#batch - Math.min(0, this.#held), false);
    if (this.#held >= 1) return;
    const missing = 1 - this.#held - this.#left;
    const waitMs = (missing / this.#options.bucket.perSecond) * 1000;
    this.#emptyUntilMs = this.#options.now() + Math.max(MIN_PAUSE_MS, waitMs);
  }

  async #pay(): Promise<void> {
    await this.#exchange(-this.#held, true);
  }

  async #exchange(want: number, mayOwe: boolean): Promise<void> {
    const { bucket, buckets, logger, now } = this.#options;
    try {
      const limit = AbortSignal.timeout(STORE_LIMIT_MS);
      const { granted, left } = await untilAborted(buckets.take(bucket, want, mayOwe), limit);
      this.#held += granted;
      this.#left = left;
      this.#leftAtMs = now();
    } catch (err) {
      logger.warn({ err }, "a limit is not kept while the store does not answer");
      this.#held += want;
    }
  }
}
