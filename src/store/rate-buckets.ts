/** A token bucket: what a key may use at once, and what comes in again each second. */
export interface Bucket {
  /** The same for all replicas. */
  readonly id: string;
  /** How many tokens it holds at most. One that nobody used yet is full. */
  readonly capacity: number;
  readonly perSecond: number;
}

/** What came of taking tokens. */
export interface TakenTokens {
  readonly granted: number;
  /** What is left in the bucket then; below 0 where more was used than it had. */
  readonly left: number;
}

/** The part of a store that keeps how much keys may still use. All replicas share the buckets. */
export interface RateBuckets {
  /**
   * Takes up to `want` whole tokens out of a bucket, by the store's clock.
   *
   * @param mayOwe takes all of them even where the bucket has fewer: they were used already.
   */
  take(bucket: Bucket, want: number, mayOwe?: boolean): Promise<TakenTokens>;
}
