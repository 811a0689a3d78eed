import { expect, test } from "vitest";
import { KeyBucket } from "../../../src/access/key-bucket.js";
import { createLogger } from "../../../src/lib/logger.js";
import { EmbeddedRateBuckets } from "../../../src/store/embedded/rate-buckets.js";
import type { RateBuckets } from "../../../src/store/rate-buckets.js";

const CAPACITY = 100;
const BATCH = CAPACITY / 20;
const REPLICAS = 3;

test("lets through what the bucket holds, and one batch for each other replica at most", async () => {
  const shared = openShared();
  const replicas = Array.from({ length: REPLICAS }, () => shared.open());
  // Each holds a batch that it took long ago.
  for (const replica of replicas) expect(await replica.take()).toBeUndefined();
  shared.advance(60_000);
  const counts = await Promise.all(replicas.map(countGranted));
  const granted = counts.reduce((sum, count) => sum + count, 0);
  expect(granted).toBe(CAPACITY + REPLICAS * (BATCH - 1));
});

test("asks the store once for a batch, and not while the bucket is empty", async () => {
  const shared = openShared();
  const bucket = shared.open();
  await countGranted(bucket);
  expect(shared.askedCount()).toBe(CAPACITY / BATCH + 1);
  const waits = await Promise.all(Array.from({ length: 50 }, () => bucket.take()));
  expect(shared.askedCount()).toBe(CAPACITY / BATCH + 1);
  expect(new Set(waits)).toEqual(new Set([600]));
  shared.advance(599);
  expect(await bucket.take()).toBe(1);
  shared.advance(1);
  expect(await bucket.take()).toBeUndefined();
});

test("answers all who ask at the same moment, each token once", async () => {
  const bucket = openShared().open();
  const waits = await Promise.all(Array.from({ length: CAPACITY + 20 }, () => bucket.take()));
  expect(waits.filter((wait) => wait === undefined)).toHaveLength(CAPACITY);
});

test("has every replica wait for what one has used beyond the bucket", async () => {
  const shared = openShared();
  const [one, other] = [shared.open(), shared.open()];
  expect(await one.take()).toBeUndefined();
  one.spend(CAPACITY * 2);
  expect(one.remaining).toBe(0);
  expect(await one.take()).toBeGreaterThan(60_000);
  expect(await other.take()).toBeGreaterThan(60_000);
  shared.advance(90_000);
  expect(await other.take()).toBeUndefined();
});

test("tells how much is left and when it is full again", async () => {
  const shared = openShared();
  const bucket = shared.open();
  expect([bucket.remaining, bucket.fullInSeconds]).toEqual([CAPACITY, 0]);
  for (let count = 0; count < 10; count += 1) await bucket.take();
  expect([bucket.remaining, bucket.fullInSeconds]).toEqual([90, 6]);
  shared.advance(3_000);
  expect([bucket.remaining, bucket.fullInSeconds]).toEqual([95, 3]);
});

test("refuses nobody while the store does not answer", async () => {
  const failing: RateBuckets = {
    take: async () => {
      throw new Error("no answer");
    },
  };
  const bucket = openShared(failing).open();
  for (let count = 0; count < 3 * CAPACITY; count += 1) expect(await bucket.take()).toBeUndefined();
});

function openShared(failing?: RateBuckets) {
  let nowMs = 1_000_000;
  let askedCount = 0;
  const now = () => nowMs;
  const store = failing ?? new EmbeddedRateBuckets(now);
  const buckets: RateBuckets = {
    take: async (...args) => {
      askedCount += 1;
      return await store.take(...args);
    },
  };
  const bucket = { id: "requests:a", capacity: CAPACITY, perSecond: CAPACITY / 60 };
  const logger = createLogger("silent");
  return {
    open: () => new KeyBucket({ bucket, buckets, logger, now }),
    askedCount: () => askedCount,
    advance: (ms: number) => {
      nowMs += ms;
    },
  };
}

async function countGranted(bucket: KeyBucket): Promise<number> {
  for (let count = 0; ; count += 1) if ((await bucket.take()) !== undefined) return count;
}
