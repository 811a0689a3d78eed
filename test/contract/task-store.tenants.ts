import { describe, expect, test } from "vitest";
import type { Task } from "../../src/domain/task.js";
import type { LeaseRequest } from "../../src/store/task-queue.js";
import type { TaskFilter } from "../../src/store/task-reading.js";
import type { TaskStore } from "../../src/store/task-store.js";
import { cutFilm, leaseChunk } from "../support/film-builders.js";
import {
  aLease,
  aRetry,
  aTask,
  BRIEF_MS,
  COMPLETED,
  createOne,
  fenceOf,
  readTask,
  SHORT_MS,
} from "../support/task-store-builders.js";
import type { OpenStore } from "./task-store.contract.js";

const LABELS = { batch: "1" };

/** How tasks belong to tenants. */
export function describeTenants(open: OpenStore): void {
  describeReading(open);
  describeCaps(open);
  describeUploads(open);
}

function describeReading(open: OpenStore): void {
  describe("tenants", () => {
    test("have lists and counts of their own, by status and label too", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const old = await createOne(store, { labels: LABELS });
      const mine = await createOne(store, { tenant: "a", labels: LABELS });
      const more = await createOne(store, { tenant: "a", labels: { ...LABELS, x: "y" } });
      await createOne(store, { tenant: "ab", labels: { x: "y" } });
      await store.cancel(mine.taskId);
      expect(mine.tenant).toBe("a");
      expect(old.tenant).toBeUndefined();
      expect(await readTask(store, more.taskId)).toEqual(more);
      const batch = [["batch", "1"]] as const;
      expect(await ids(store, { tenant: "a" })).toEqual([more.taskId, mine.taskId]);
      expect(await ids(store, { tenant: "default" })).toEqual([old.taskId]);
      expect(await ids(store, { tenant: "a", status: "canceled" })).toEqual([mine.taskId]);
      expect(await ids(store, { tenant: "a", labels: batch })).toEqual([more.taskId, mine.taskId]);
      const both = [...batch, ["x", "y"]] as const;
      expect(await ids(store, { tenant: "a", labels: both })).toEqual([more.taskId]);
      const pending = { status: "pending", labels: batch } as const;
      expect(await ids(store, { tenant: "a", ...pending })).toEqual([more.taskId]);
      expect(await ids(store, { tenant: "default", ...pending })).toEqual([old.taskId]);
      expect(await ids(store, { tenant: "nobody" })).toEqual([]);
      expect(await ids(store, {})).toHaveLength(4);
      const none = { pending: 0, processing: 0, completed: 0, failed: 0, canceled: 0 };
      const one = { ...none, pending: 1, canceled: 1 };
      expect(await store.counts([], "a")).toEqual(one);
      expect(await store.counts(batch, "a")).toEqual(one);
      expect(await store.counts(both, "a")).toEqual({ ...none, pending: 1 });
      expect(await store.counts([], "default")).toEqual({ ...none, pending: 1 });
      expect(await store.counts([], "nobody")).toEqual(none);
      expect(await store.counts()).toEqual({ ...none, pending: 3, canceled: 1 });
    });

    test("page through their tasks, with whosoever token", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const own = [];
      for (let count = 0; count < 5; count += 1) {
        own.unshift((await createOne(store, { tenant: "a" })).taskId);
        await createOne(store, { tenant: "b" });
      }
      const first = await store.list({ tenant: "a", pageSize: 2 });
      const second = await store.list({
        ...{ tenant: "a", pageSize: 9, pageToken: first.nextPageToken ?? "" },
      });
      const paged = [...first.tasks, ...second.tasks];
      expect(paged.map(({ taskId }) => taskId)).toEqual(own);
      const { tasks } = await store.list({ tenant: "b", pageSize: 1 });
      const foreign = { tenant: "a", pageSize: 9, pageToken: tasks[0]?.taskId ?? "" };
      expect((await store.list(foreign)).tasks.map(({ taskId }) => taskId)).toEqual(own);
    });

    test("have idempotency keys of their own", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const idempotency = { key: 'k"1', requestHash: "h" };
      const results = [];
      for (const tenant of ["default", "a", "b"]) {
        const own = tenant === "default" ? {} : { tenant };
        const task = await createOne(store, { ...own, idempotency });
        expect(task.idempotencyKey).toBe('k"1');
        expect(await store.replay(idempotency, tenant)).toEqual({ outcome: "replayed", task });
        const [again] = [await store.createTogether([aTask({ ...own, idempotency })])];
        expect(again).toEqual({ outcome: "created", tasks: [task] });
        results.push(task.taskId);
      }
      expect(new Set(results).size).toBe(3);
      expect(await store.replay({ ...idempotency, requestHash: "other" }, "c")).toBeUndefined();
    });

    test("are still known of a deleted task", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const { taskId } = await createOne(store, { tenant: "a" });
      await store.cancel(taskId);
      await store.deleteEnded([taskId]);
      expect(await store.follow([taskId])).toMatchObject([{ tenant: "a", isDeleted: true }]);
      expect(await store.counts([], "a")).toMatchObject({ canceled: 1 });
    });
  });
}

function describeCaps(open: OpenStore): void {
  describe("caps of a tenant", () => {
    test("refuse its tasks beyond those that may wait, and nobody else's", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const limits = { maxPendingCount: 4, maxTenantPendingCount: 2 };
      const idempotency = { key: "k", requestHash: "h" };
      const { taskId } = await createOne(store, { tenant: "a", idempotency });
      await createOne(store, { tenant: "a" });
      const full = { outcome: "tenant_full" };
      expect(await store.create(aTask({ tenant: "a" }), limits)).toEqual(full);
      expect(await store.createTogether([aTask({ tenant: "a" })], limits)).toEqual(full);
      const replayed = { outcome: "replayed", task: { taskId } };
      expect(await store.create(aTask({ tenant: "a", idempotency }), limits)).toMatchObject(
        replayed,
      );
      expect(await store.create(aTask(), limits)).toMatchObject({ outcome: "created" });
      const three = [aTask({ tenant: "b" }), aTask({ tenant: "b" }), aTask({ tenant: "b" })];
      expect(await store.createTogether(three, limits)).toEqual({ outcome: "full" });
      const { outcome } = await store.createTogether(three.slice(1), { maxTenantPendingCount: 2 });
      expect(outcome).toBe("created");
    });

    test("park what it has beyond those that may run, and let others go first", async () => {
      await using fixture = await open();
      const { store } = fixture;
      for (let count = 0; count < 4; count += 1) await createOne(store, { tenant: "a" });
      await createOne(store, { tenant: "b", priority: 0 });
      await createOne(store, { priority: 0 });
      const lease = () => store.lease(capped({ a: 2 }));
      const [first, second] = [await lease(), await lease()];
      const others = [await lease(), await lease()];
      expect(tenantsOf([first, second, ...others])).toEqual(["a", "a", "b", undefined]);
      expect(await lease()).toBeUndefined();
      if (first && second) await store.settle(fenceOf(first), COMPLETED);
      expect(tenantsOf([await lease(), await lease()])).toEqual(["a", undefined]);
      if (second) await store.cancel(second.taskId);
      expect(tenantsOf([await lease()])).toEqual(["a"]);
    });

    test("hold for `default`, for each workflow, and where one of its tasks would pass", async () => {
      await using fixture = await open();
      const { store } = fixture;
      for (const workflow of ["w1", "w2"]) await createOne(store, { workflow });
      await createOne(store, { workflow: "w1", tenant: "b" });
      const request = { ...capped({ default: 1 }), workflows: ["w1", "w2"], prefer: ["w2"] };
      expect(await store.lease(request)).toMatchObject({ workflow: "w2" });
      expect(await store.lease(request)).toMatchObject({ workflow: "w1", tenant: "b" });
      expect(await store.lease(request)).toBeUndefined();
    });

    test("count a task that keeps its slot over a retry, and not one that gave it back", async () => {
      await using fixture = await open();
      const { store } = fixture;
      for (let count = 0; count < 3; count += 1) await createOne(store, { tenant: "a" });
      const request = capped({ a: 1 });
      const first = await store.lease(request);
      if (!first) throw new Error("Nothing was leased");
      await store.bindSlot(fenceOf(first), "gpu-1#0");
      const delayMs = BRIEF_MS;
      await store.settle(fenceOf(first), aRetry({ delayMs, keepSlot: true }));
      if (fixture.isClockSteady) expect(await store.lease(request)).toBeUndefined();
      await fixture.advance(SHORT_MS);
      const again = await store.lease(request);
      expect(again?.taskId).toBe(first.taskId);
      if (again) await store.settle(fenceOf(again), aRetry({ delayMs: 60_000 }));
      expect((await store.lease(request))?.taskId).not.toBe(first.taskId);
    });

    test("count a film once, with all of its chunks", async () => {
      await using fixture = await open();
      const { store } = fixture;
      await cutFilm(store, 3, { tenant: "a", workflow: "small" });
      await createOne(store, { tenant: "a", priority: 2 });
      const request = capped({ a: 1 });
      for (let count = 0; count < 3; count += 1)
        expect((await leaseChunk(store, request)).tenant).toBe("a");
      expect(await store.lease(request)).toBeUndefined();
      expect(await store.lease(capped({ a: 2 }))).toMatchObject({ priority: 2 });
    });

    test("hold however many lease at the same moment", async () => {
      await using fixture = await open();
      const { store, rival } = fixture;
      for (let count = 0; count < 4; count += 1) await createOne(store, { tenant: "a" });
      await createOne(store, { tenant: "b" });
      const turns = [store, rival, store, rival];
      const leased = await Promise.all(turns.map((each) => each.lease(capped({ a: 2 }))));
      expect(tenantsOf(leased).toSorted()).toEqual(["a", "a", "b", undefined]);
      expect(await store.counts([], "a")).toMatchObject({ pending: 2, processing: 2 });
    });
  });
}

function describeUploads(open: OpenStore): void {
  describe("the ledger of uploads", () => {
    test("notes what a tenant's uploads take until they expire, up to its cap", async () => {
      await using fixture = await open();
      const { uploads } = fixture.store;
      const upload = { tenant: "a", sizeBytes: 40, ttlMs: 60_000 };
      expect(await uploads.note({ ...upload, key: "uploads/1", ttlMs: BRIEF_MS }, 100)).toBe(true);
      expect(await uploads.note({ ...upload, key: "uploads/2" }, 100)).toBe(true);
      await fixture.advance(SHORT_MS);
      expect(await uploads.takenBytes("a")).toBe(40);
      expect(await uploads.note({ ...upload, key: "uploads/3" }, 100)).toBe(true);
      expect(await uploads.note({ ...upload, key: "uploads/4" }, 100)).toBe(false);
      expect(await uploads.note({ ...upload, key: "uploads/5", tenant: "b" }, 100)).toBe(true);
      await uploads.forget("uploads/2");
      expect(await uploads.note({ ...upload, key: "uploads/6", sizeBytes: 60 }, 100)).toBe(true);
      expect(await uploads.takenBytes("a")).toBe(100);
      const owners = ["uploads/1", "uploads/4", "uploads/5"].map((key) => uploads.tenantOf(key));
      expect(await Promise.all(owners)).toEqual(["a", undefined, "b"]);
    });
  });
}

function capped(caps: Readonly<Record<string, number>>): LeaseRequest {
  return aLease({ maxRunning: new Map(Object.entries(caps)) });
}

async function ids(store: TaskStore, filter: TaskFilter): Promise<readonly string[]> {
  return (await store.list({ ...filter, pageSize: 50 })).tasks.map(({ taskId }) => taskId);
}

function tenantsOf(tasks: readonly (Task | undefined)[]): readonly (string | undefined)[] {
  return tasks.map((task) => task?.tenant);
}
