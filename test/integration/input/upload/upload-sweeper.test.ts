import { utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { TaskStatus } from "../../../../src/domain/task.js";
import { newUploadKey, uploadUrl } from "../../../../src/input/upload/upload-key.js";
import { UploadSweeper } from "../../../../src/input/upload/upload-sweeper.js";
import { createLogger } from "../../../../src/lib/logger.js";
import { createLocalStorage } from "../../../../src/storage/local/local-storage.js";
import type { ObjectStorage } from "../../../../src/storage/object-storage.js";
import { openEmbeddedStore } from "../../../../src/store/embedded/open-embedded-store.js";
import type { Fence } from "../../../../src/store/task-queue.js";
import type { TaskReading } from "../../../../src/store/task-reading.js";
import type { TaskStore } from "../../../../src/store/task-store.js";
import { aLease, COMPLETED, createOne, fenceOf } from "../../../support/task-store-builders.js";
import { tempDir } from "../../../support/temp-dir.js";

const { signal } = new AbortController();
const HOUR_MS = 3_600_000;
const TTL_MS = 24 * HOUR_MS;

class Swept {
  readonly directory: string;
  readonly storage: ObjectStorage;
  readonly store: TaskStore;

  constructor(directory: string, store: TaskStore) {
    this.directory = directory;
    this.store = store;
    this.storage = createLocalStorage({ directory, publicUrl: "http://localhost" });
  }

  /** Keeps an upload that is so old. @returns its key. */
  async upload(ageMs: number): Promise<string> {
    const key = newUploadKey("a.png");
    const path = join(await tempDir(), "source");
    await writeFile(path, "content");
    await this.storage.put({ path, key, sizeBytes: 7, mediaType: "image/png" }, { signal });
    await this.age(key, ageMs);
    return key;
  }

  async age(key: string, ageMs: number): Promise<void> {
    const time = new Date(Date.now() - ageMs);
    await utimes(join(this.directory, key), time, time);
  }

  async lease(): Promise<Fence> {
    return fenceOf((await this.store.lease(aLease())) ?? expect.fail("There is nothing to lease"));
  }

  async isThere(key: string): Promise<boolean> {
    return (await this.storage.find(key, signal)) !== undefined;
  }

  sweeper(options: { readonly store?: Pick<TaskReading, "list"> } = {}): UploadSweeper {
    const { storage, store } = this;
    const logger = createLogger("silent");
    const sweeper = new UploadSweeper({ storage, store, logger, ttlMs: TTL_MS, ...options });
    onTestFinished(() => sweeper[Symbol.asyncDispose]());
    return sweeper;
  }
}

async function start(): Promise<Swept> {
  const store = await openEmbeddedStore({ directory: await tempDir() });
  onTestFinished(() => store[Symbol.asyncDispose]());
  return new Swept(await tempDir(), store);
}

async function sweepTwice(sweeper: UploadSweeper): Promise<void> {
  await sweeper.sweep();
  await sweeper.sweep();
}

test("removes what has expired for an hour, and nothing younger", async () => {
  const swept = await start();
  const old = await swept.upload(TTL_MS + HOUR_MS + 60_000);
  const young = await swept.upload(TTL_MS + HOUR_MS - 60_000);
  await sweepTwice(swept.sweeper());
  expect([await swept.isThere(old), await swept.isThere(young)]).toEqual([false, true]);
});

test("leaves an upload alone until every task that names it has ended", async () => {
  const swept = await start();
  const key = await swept.upload(0);
  const params = { url: uploadUrl(key), type: "image" } as const;
  for (const _ of [1, 2]) await createOne(swept.store, { params });
  await swept.age(key, 100 * TTL_MS);
  const sweeper = swept.sweeper();
  await sweepTwice(sweeper);
  expect(await swept.isThere(key)).toBe(true);

  const first = await swept.lease();
  const second = await swept.lease();
  await swept.store.settle(first, COMPLETED);
  await sweepTwice(sweeper);
  expect(await swept.isThere(key)).toBe(true);

  await swept.store.settle(second, COMPLETED);
  await sweepTwice(sweeper);
  expect(await swept.isThere(key)).toBe(false);
});

test("finds the task that names an upload among many", async () => {
  const swept = await start();
  const key = await swept.upload(0);
  await createOne(swept.store, { params: { url: uploadUrl(key), type: "image" } });
  for (let count = 0; count < 510; count += 1) await createOne(swept.store);
  await swept.age(key, 2 * TTL_MS);
  await sweepTwice(swept.sweeper());
  expect(await swept.isThere(key)).toBe(true);
});

test("does not take an upload from a task that changes hands while it looks", async () => {
  const swept = await start();
  const key = await swept.upload(0);
  await createOne(swept.store, { params: { url: uploadUrl(key), type: "image" } });
  await swept.age(key, 2 * TTL_MS);
  let fence = await swept.lease();
  let sweepCount = 0;
  /** In the first sweep, the task is always where nobody looks. */
  const elusive: Pick<TaskReading, "list"> = {
    list: async (request) => {
      if (sweepCount === 0) await hide(request.status);
      return await swept.store.list(request);
    },
  };
  const hide = async (from: TaskStatus | undefined) => {
    const { status } = (await swept.store.get(fence.taskId)) ?? {};
    if (status !== from) return;
    if (status === "processing") await swept.store.settle(fence, { kind: "handed_back" });
    else fence = await swept.lease();
  };
  const sweeper = swept.sweeper({ store: elusive });
  await sweeper.sweep();
  sweepCount = 1;
  await sweeper.sweep();
  expect(await swept.isThere(key)).toBe(true);
});

test("several sweepers at once do no harm", async () => {
  const swept = await start();
  const keys = [await swept.upload(3 * TTL_MS), await swept.upload(3 * TTL_MS)];
  const sweepers = [swept.sweeper(), swept.sweeper()];
  await Promise.all(sweepers.map(sweepTwice));
  for (const key of keys) expect(await swept.isThere(key)).toBe(false);
});
