import { expect, onTestFinished, test } from "vitest";
import type { Task } from "../../../../src/domain/task.js";
import { openEmbeddedStore } from "../../../../src/store/embedded/open-embedded-store.js";
import type { NewLease } from "../../../../src/store/task-queue.js";
import type { TaskChange } from "../../../../src/store/task-reading.js";
import type { TaskStore } from "../../../../src/store/task-store.js";
import { aLease, aTask, createOne, readTask } from "../../../support/task-store-builders.js";
import { tempDir } from "../../../support/temp-dir.js";

async function open(): Promise<TaskStore> {
  const store = await openEmbeddedStore({ directory: await tempDir() });
  onTestFinished(() => store[Symbol.asyncDispose]());
  return store;
}

/** What an asker was told. */
interface Told {
  readonly asked: Task[];
  readonly told: (Task | undefined)[];
}

/** Wants every new task. */
function wantAll(store: TaskStore, terms: Partial<NewLease> = {}): Told {
  const news: Told = { asked: [], told: [] };
  const end = store.leaseNew((task) => {
    news.asked.push(task);
    const begins = { name: "download", patch: { status: "running" } } as const;
    const told = (leased: Task | undefined): number => news.told.push(leased);
    return { owner: "replica-1", leaseMs: 60_000, begins, ...terms, told };
  });
  onTestFinished(end);
  return news;
}

test("a new task that somebody wants is stored as leased", async () => {
  const store = await open();
  const { told } = wantAll(store);
  const created = await createOne(store);
  const stored = await readTask(store, created.taskId);
  expect(stored).toMatchObject({ status: "processing", epoch: 1, lease: { owner: "replica-1" } });
  expect(stored).toMatchObject({ stages: { download: { status: "running" } }, attempts: [{}] });
  expect(told).toEqual([stored]);
  expect(await store.counts()).toMatchObject({ pending: 0, processing: 1 });
  expect(await store.nextDueInMs()).toBeGreaterThan(0);
});

test("whoever created a task that is leased at once gets it as it was before, and subscribers hear of both", async () => {
  const store = await open();
  const changes: TaskChange[] = [];
  store.subscribe((change) => changes.push(change));
  wantAll(store);
  expect(await createOne(store)).toMatchObject({ status: "pending", rev: 1, epoch: 0 });
  expect(changes.map(({ rev, status }) => ({ rev, status }))).toEqual([
    { rev: 1, status: "pending" },
    { rev: 2, status: "processing" },
  ]);
});

test("the webhook of a task that is leased at once hears that it is processed", async () => {
  const store = await open();
  wantAll(store);
  const webhook = { url: "https://hooks.example/", events: ["task.processing"] } as const;
  const { taskId } = await createOne(store, { webhook });
  const given = { leaseMs: 60_000, limit: 10, perReceiver: 10, except: [] };
  const events = await store.outbox.lease(given);
  expect(events).toMatchObject([{ task: { taskId }, event: "task.processing" }]);
});

test("a replay of a task that was leased at once finds it, and asks nobody", async () => {
  const store = await open();
  const { asked } = wantAll(store);
  const idempotency = { key: "k", requestHash: "h" };
  const { taskId } = await createOne(store, { idempotency });
  expect(await store.create(aTask({ idempotency }))).toMatchObject({
    outcome: "replayed",
    task: { taskId, status: "processing" },
  });
  expect(asked).toHaveLength(1);
});

test("a task that is not due yet is not offered", async () => {
  const store = await open();
  const { asked } = wantAll(store);
  const { taskId } = await createOne(store, { notBefore: new Date(Date.now() + 60_000) });
  expect(await readTask(store, taskId)).toMatchObject({ status: "pending" });
  expect(asked).toEqual([]);
});

test("a tenant that has as many running tasks as it may waits, and who wanted the task is told", async () => {
  const store = await open();
  await createOne(store, { tenant: "acme" });
  await store.lease(aLease());
  const { told } = wantAll(store, { maxRunning: new Map([["acme", 1]]) });
  const { taskId } = await createOne(store, { tenant: "acme" });
  expect(told).toEqual([undefined]);
  expect(await readTask(store, taskId)).toMatchObject({ status: "pending" });
  const other = await createOne(store, { tenant: "other" });
  expect(await readTask(store, other.taskId)).toMatchObject({ status: "processing" });
});

test("who wanted a task that could not be stored is told so", async () => {
  const store = await open();
  const { told } = wantAll(store);
  const unstorable = aTask({ workflow: "small\0" });
  await expect(store.create(unstorable)).rejects.toThrow();
  expect(told).toEqual([undefined]);
  expect(await store.counts()).toMatchObject({ pending: 0, processing: 0 });
});

test("tasks that are created together are offered by their priority, and answered in their order", async () => {
  const store = await open();
  const { asked, told } = wantAll(store);
  const priorities = [1, 2, 0, 2] as const;
  const result = await store.createTogether(priorities.map((priority) => aTask({ priority })));
  if (result.outcome !== "created") throw new Error(result.outcome);
  expect(result.tasks.map(({ priority }) => priority)).toEqual(priorities);
  const ids = result.tasks.map(({ taskId }) => taskId);
  expect([...ids].sort()).toEqual(ids);
  expect(asked.map(({ taskId }) => taskId)).toEqual([ids[1], ids[3], ids[0], ids[2]]);
  expect(told.map((task) => task?.status)).toEqual(Array(4).fill("processing"));
});

test("an asker that throws is no fault of the creation, and another one gets the task", async () => {
  const store = await open();
  store.leaseNew(() => {
    throw new Error("a fault of the asker");
  });
  const { told } = wantAll(store);
  expect(await createOne(store)).toMatchObject({ status: "pending" });
  expect(told).toMatchObject([{ status: "processing" }]);
});

test("nobody is asked whose subscription has ended", async () => {
  const store = await open();
  const asked: Task[] = [];
  const end = store.leaseNew((task) => {
    asked.push(task);
    return undefined;
  });
  await createOne(store);
  end();
  const { taskId } = await createOne(store);
  expect(asked).toHaveLength(1);
  expect(await readTask(store, taskId)).toMatchObject({ status: "pending" });
});
