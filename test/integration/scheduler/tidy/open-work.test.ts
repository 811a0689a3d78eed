import { mkdir, readdir, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { DisposalStack } from "../../../../src/lib/disposal-stack.js";
import { createLogger } from "../../../../src/lib/logger.js";
import { openWork } from "../../../../src/scheduler/tidy/open-work.js";
import { openEmbeddedStore } from "../../../../src/store/embedded/open-embedded-store.js";
import type { TaskStore } from "../../../../src/store/task-store.js";
import { eventually } from "../../../support/eventually.js";
import { COMPLETED, createOne, leaseOne } from "../../../support/task-store-builders.js";
import { tempDir } from "../../../support/temp-dir.js";

const DAY_MS = 24 * 3_600_000;
const UNKNOWN = "f".repeat(32);

test("of a directory that is a process's alone, what tasks left goes that have ended or are unknown", async () => {
  const root = await tempDir();
  const { store, ended, running, pending } = await aStore();
  for (const taskId of [ended, running, pending, UNKNOWN]) await leave(root, taskId);
  await mkdir(join(root, "uploads"));
  const path = await open({ root, store, isShared: false });
  expect(path).toBe(root);
  const left = ["uploads", running, pending].toSorted();
  await eventually(async () => expect((await readdir(root)).toSorted()).toEqual(left));
});

test("of a directory that replicas share, each gets one of its own, which goes with it", async () => {
  const root = join(await tempDir(), "work");
  const { store } = await aStore();
  const opened = new DisposalStack();
  const paths = [
    await open({ root, store, isShared: true }, opened),
    await open({ root, store, isShared: true }, opened),
  ];
  expect(new Set(paths).size).toBe(2);
  for (const path of paths) await leave(path, UNKNOWN);
  await opened[Symbol.asyncDispose]();
  expect(await readdir(root)).toEqual([]);
});

test("what version 0.1.0 left goes when it is old and its task has ended, whoever lives", async () => {
  const root = await tempDir();
  const { store, ended, running, pending } = await aStore();
  const former = join(root, "host-6008");
  for (const taskId of [ended, running, pending, UNKNOWN]) await leave(former, taskId, 2 * DAY_MS);
  await leave(former, "uploads", 2 * DAY_MS);
  // Another of that version is at work.
  const atWork = join(root, "other-1.example-6009");
  await leave(atWork, ended);
  await leave(atWork, "uploads");
  const over = join(root, "over-6010");
  await leave(over, ended, 2 * DAY_MS);
  await open({ root, store, isShared: true });
  await eventually(async () => {
    expect((await readdir(former)).toSorted()).toEqual([running, pending].toSorted());
    expect(await readdir(root)).not.toContain("over-6010");
  });
  expect((await readdir(atWork)).toSorted()).toEqual([ended, "uploads"].toSorted());
});

async function open(
  options: { readonly root: string; readonly store: TaskStore; readonly isShared: boolean },
  opened = new DisposalStack(),
): Promise<string> {
  onTestFinished(() => opened[Symbol.asyncDispose]());
  return await openWork({ ...options, leaseMs: 30_000, logger: createLogger("silent") }, opened);
}

/** A store, and the ids of its tasks. */
async function aStore() {
  const store = await openEmbeddedStore({ directory: await tempDir() });
  onTestFinished(() => store[Symbol.asyncDispose]());
  const { fence } = await leaseOne(store);
  await store.settle(fence, COMPLETED);
  const { task: running } = await leaseOne(store);
  const pending = await createOne(store);
  return { store, ended: fence.taskId, running: running.taskId, pending: pending.taskId };
}

/** A file in a directory of that name, written so long ago. */
async function leave(root: string, name: string, ageMs = 0): Promise<void> {
  const directory = join(root, name);
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, "input"), "content");
  const time = new Date(Date.now() - ageMs);
  await utimes(join(directory, "input"), time, time);
  await utimes(directory, time, time);
}
