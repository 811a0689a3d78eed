import { describe, expect, test } from "vitest";
import type { TaskChange } from "../../src/store/task-reading.js";
import { eventually } from "../support/eventually.js";
import {
  aDispatch,
  aLease,
  aMemoryFailure,
  COMPLETED,
  createOne,
  fenceOf,
  LONG_LEASE_MS,
  leaseOne,
  readTask,
} from "../support/task-store-builders.js";
import type { OpenStore } from "./task-store.contract.js";

/** Subscriptions, and what is a revision. */
export function describeTelling(open: OpenStore): void {
  describe("subscribe()", () => {
    test("tells the last revision of every task that any client changes, in growing order", async () => {
      await using fixture = await open();
      const { store, rival } = fixture;
      const told: TaskChange[] = [];
      const unsubscribe = store.subscribe((change) => told.push(change));
      const canceled = await createOne(rival);
      await rival.cancel(canceled.taskId);
      const { fence } = await leaseOne(store);
      for (const progress of [10, 20, 30]) {
        await rival.updateStage(fence, "download", { progress }, progress / 2);
        await rival.recordUpload(fence, { progress });
      }
      await store.settle(fence, COMPLETED);
      const last = await readTask(store, fence.taskId);
      await eventually(() => revsOf(told, fence.taskId).at(-1) === last.rev);
      await eventually(() =>
        told.some(({ taskId, rev }) => taskId === canceled.taskId && rev === 2),
      );
      expect(told.findLast(({ taskId }) => taskId === fence.taskId)?.status).toBe("completed");
      for (const { taskId } of [canceled, fence]) {
        const revs = revsOf(told, taskId);
        expect(revs).toEqual([...new Set(revs)].sort((a, b) => a - b));
      }
      unsubscribe();
    });

    test("tells of a change that was made here before its call is answered", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const told: TaskChange[] = [];
      const unsubscribe = store.subscribe((change) => told.push(change));
      const { fence } = await leaseOne(store);
      expect(revsOf(told, fence.taskId)).toEqual([1, 2]);
      await store.settle(fence, COMPLETED);
      expect(told.at(-1)).toMatchObject({ taskId: fence.taskId, status: "completed" });
      unsubscribe();
    });

    test("tells nothing after its end, and others all the same", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const first: string[] = [];
      const second: string[] = [];
      const listener = ({ taskId }: TaskChange) => first.push(taskId);
      const unsubscribe = store.subscribe(listener);
      const unsubscribeTwin = store.subscribe(listener);
      const unsubscribeOther = store.subscribe(({ taskId }) => second.push(taskId));
      const before = await createOne(store);
      await eventually(() => first.length === 2 && second.length === 1);
      unsubscribe();
      unsubscribe();
      const after = await createOne(store);
      await eventually(() => second.length === 2);
      expect(first).toEqual([before.taskId, before.taskId, after.taskId]);
      unsubscribeTwin();
      unsubscribeOther();
    });

    test("tells of every task that one heartbeat moves", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const fences = [(await leaseOne(store)).fence, (await leaseOne(store)).fence];
      const told: TaskChange[] = [];
      const unsubscribe = store.subscribe((change) => told.push(change));
      const reports = fences.map((fence) => ({ ...fence, progress: 7 }));
      await store.heartbeat("replica-1", LONG_LEASE_MS, reports);
      for (const { taskId } of fences) await eventually(() => revsOf(told, taskId).at(-1) === 3);
      unsubscribe();
    });

    test("goes on when a listener throws", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const told: string[] = [];
      const unsubscribes = [
        store.subscribe(() => {
          throw new Error("A faulty listener");
        }),
        store.subscribe(({ taskId }) => told.push(taskId)),
      ];
      const { taskId } = await createOne(store);
      await eventually(() => told.includes(taskId));
      for (const unsubscribe of unsubscribes) unsubscribe();
    });

    test("keeps the order for all when a listener changes the task", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const told: number[] = [];
      const { taskId } = await createOne(store);
      const unsubscribes = [
        store.subscribe(({ status }) => {
          if (status === "processing") void store.cancel(taskId);
        }),
        store.subscribe(({ rev }) => told.push(rev)),
      ];
      await store.lease(aLease());
      await eventually(() => told.at(-1) === 3);
      expect(told).toEqual(told.toSorted((a, b) => a - b));
      for (const unsubscribe of unsubscribes) unsubscribe();
    });
  });

  describe("rev", () => {
    test("grows by one with what a client can see, and updatedAt is the time of that", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const { fence } = await leaseOne(store);
      const revs = [(await readTask(store, fence.taskId)).rev];
      const visible = [
        () => store.bindSlot(fence, "gpu-1#0"),
        () => store.updateStage(fence, "download", { detail: "Starting download..." }),
        () => store.heartbeat("replica-1", LONG_LEASE_MS, [{ ...fence, progress: 5 }]),
        () => store.heartbeat("replica-1", LONG_LEASE_MS, [{ ...fence, runningNode: "KSampler" }]),
        () =>
          store.recordInput(fence, { mediaType: "image/png", sizeBytes: 1, width: 2, height: 3 }),
        () => store.settle(fence, COMPLETED),
      ];
      let updatedAt = new Date(0);
      for (const change of visible) {
        await fixture.advance(5);
        await change();
        const task = await readTask(store, fence.taskId);
        revs.push(task.rev);
        expect(task.updatedAt.getTime()).toBeGreaterThan(updatedAt.getTime());
        updatedAt = task.updatedAt;
      }
      expect(revs).toEqual([2, 3, 4, 5, 6, 7, 8]);
    });

    test("stays with what no client can see, and nothing is told", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const { fence } = await leaseOne(store);
      await store.bindSlot(fence, "gpu-1#0");
      await store.updateStage(fence, "process", { progress: 50 }, 30);
      const before = await readTask(store, fence.taskId);
      const told: TaskChange[] = [];
      const unsubscribe = store.subscribe((change) => told.push(change));
      await fixture.advance(5);
      await store.heartbeat("replica-1", LONG_LEASE_MS, [fence]);
      await store.heartbeat("replica-1", LONG_LEASE_MS, [{ ...fence, progress: 30 }]);
      await store.recordDispatch(fence, aDispatch("intent"));
      await store.recordMemoryFailure(fence, aMemoryFailure());
      await store.recordUpload(fence, { part: 1 });
      await store.updateStage(fence, "process", { progress: 50 }, 30);
      await store.bindSlot(fence, "gpu-1#1");
      await store.releaseSlot(fence);
      const after = await readTask(store, fence.taskId);
      expect(after).toMatchObject({ rev: before.rev, updatedAt: before.updatedAt });
      const marker = await createOne(store);
      await eventually(() => told.some(({ taskId }) => taskId === marker.taskId));
      expect(revsOf(told, fence.taskId).filter((rev) => rev > before.rev)).toEqual([]);
      unsubscribe();
    });

    test("stays when a task is passed over", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const passed = await createOne(store, { workflow: "a" });
      await createOne(store, { workflow: "b" });
      const leased = await store.lease(aLease({ workflows: ["a", "b"], prefer: ["b"] }));
      expect(leased?.workflow).toBe("b");
      expect(await readTask(store, passed.taskId)).toMatchObject({ rev: 1, bypassCount: 1 });
      expect(fenceOf(passed).epoch).toBe(0);
    });
  });
}

function revsOf(changes: readonly TaskChange[], id: string): number[] {
  return changes.filter(({ taskId }) => taskId === id).map(({ rev }) => rev);
}
