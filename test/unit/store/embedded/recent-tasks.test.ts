import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { EmbeddedDriver } from "../../../../src/store/embedded/driver.js";
import { openEmbeddedStore } from "../../../../src/store/embedded/open-embedded-store.js";
import { EmbeddedTable } from "../../../../src/store/embedded/table.js";
import type { TaskStore } from "../../../../src/store/task-store.js";
import {
  COMPLETED,
  createMany,
  createOne,
  leaseOne,
  readTask,
} from "../../../support/task-store-builders.js";
import { tempDir } from "../../../support/temp-dir.js";

async function open(): Promise<TaskStore> {
  const store = await openEmbeddedStore({ directory: await tempDir() });
  onTestFinished(() => store[Symbol.asyncDispose]());
  return store;
}

test("a task is the same frozen object for its readers until it is written", async () => {
  const store = await open();
  const { taskId } = await createOne(store);
  const task = await store.get(taskId);
  expect(await store.get(taskId)).toBe(task);
  expect(Object.isFrozen(task) && Object.isFrozen(task?.attempts)).toBe(true);
  await store.cancel(taskId);
  expect(await store.get(taskId)).toMatchObject({ status: "canceled" });
});

test("a heartbeat that moves a lease alone is seen by the next reader", async () => {
  const store = await open();
  const { task, fence } = await leaseOne(store, { leaseMs: 20_000 });
  const before = await readTask(store, task.taskId);
  await store.heartbeat("replica-1", 900_000, [fence]);
  const { lease } = await readTask(store, task.taskId);
  expect(Number(lease?.expiresAt)).toBeGreaterThan(Number(before.lease?.expiresAt));
});

test("a write that is undone leaves what readers see", async () => {
  const store = await open();
  const { fence } = await leaseOne(store);
  await store.bindSlot(fence, "gpu-1#0");
  const { task, fence: other } = await leaseOne(store);
  await readTask(store, task.taskId);
  expect(await store.bindSlot(other, "gpu-1#0")).toBe("busy");
  expect(await readTask(store, task.taskId)).toEqual(task);
});

test("what is read while it may still be undone is not what readers see after that", async () => {
  const directory = await tempDir();
  const store = await openEmbeddedStore({ directory });
  const task = await createOne(store);
  await store[Symbol.asyncDispose]();
  using driver = EmbeddedDriver.open(join(directory, "store.sqlite"));
  const table = new EmbeddedTable(driver);
  const undone = (): void =>
    driver.transaction(() => {
      table.update({
        ...task,
        rev: 2,
        status: "canceled",
        finishedAt: new Date(),
        cleanupPending: true,
      });
      expect(table.find(task.taskId)?.status).toBe("canceled");
      throw new Error("undone");
    });
  expect(undone).toThrow("undone");
  expect(table.find(task.taskId)).toEqual(task);
});

test("a deleted task is gone for readers", async () => {
  const store = await open();
  const { task, fence } = await leaseOne(store);
  await store.settle(fence, COMPLETED);
  await readTask(store, task.taskId);
  expect(await store.deleteEnded([task.taskId])).toBe(1);
  expect(await store.get(task.taskId)).toBeUndefined();
});

test("a store of which more was read than is kept shows every task as it is", async () => {
  const store = await open();
  const tasks = await createMany(store, 12);
  for (let round = 0; round < 3; round += 1)
    for (const { taskId } of tasks) expect((await readTask(store, taskId)).taskId).toBe(taskId);
});
