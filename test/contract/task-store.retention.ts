import { describe, expect, test } from "vitest";
import { purge } from "../support/purge.js";
import {
  AMPLE_MS,
  aDispatch,
  BRIEF_MS,
  COMPLETED,
  createMany,
  createOne,
  LONG_LEASE_MS,
  leaseOne,
  SHORT_MS,
} from "../support/task-store-builders.js";
import type { OpenStore } from "./task-store.contract.js";

/** How ended tasks are found and deleted, and how processes agree who does it. */
export function describeRetention(open: OpenStore): void {
  describe("listExpired() and deleteEnded()", () => {
    test("delete only tasks that ended long enough ago, as many as asked", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const tasks = await createMany(store, 5);
      for (const { taskId } of tasks.slice(0, 3)) await store.cancel(taskId);
      expect(await purge(store, 60_000, 10)).toBe(0);
      await fixture.advance(SHORT_MS);
      expect(await purge(store, BRIEF_MS, 2)).toBe(2);
      expect(await purge(store, BRIEF_MS, 2)).toBe(1);
      expect(await purge(store, BRIEF_MS, 2)).toBe(0);
      const left = await store.list({ pageSize: 10 });
      expect(left.tasks).toEqual(tasks.slice(3).toReversed());
    });

    test("spare a canceled task until its cleanup is finished", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const { fence } = await leaseOne(store);
      await store.bindSlot(fence, "gpu-1#0");
      await store.cancel(fence.taskId);
      await fixture.advance(SHORT_MS);
      expect(await purge(store, BRIEF_MS, 10)).toBe(0);
      expect(await store.deleteEnded([fence.taskId])).toBe(0);
      await store.finishCleanup(fence);
      // By the time of its end, not of its cleanup.
      expect(await purge(store, BRIEF_MS, 10)).toBe(1);
      expect(await store.get(fence.taskId)).toBeUndefined();
    });

    test("give what ended first first, whole, and leave out as many as told", async () => {
      await using fixture = await open();
      const { store, rival } = fixture;
      const { fence } = await leaseOne(store);
      const [second, third] = await createMany(store, 2);
      await store.settle(fence, COMPLETED);
      for (const task of [third, second]) {
        await fixture.advance(SHORT_MS);
        await store.cancel(task?.taskId ?? "");
      }
      await fixture.advance(SHORT_MS);
      const first = await store.get(fence.taskId);
      const expired = await rival.listExpired(BRIEF_MS, 10);
      expect(expired[0]).toEqual(first);
      const ids = [fence.taskId, third?.taskId, second?.taskId];
      expect(expired.map(({ taskId }) => taskId)).toEqual(ids);
      const others = await rival.listExpired(BRIEF_MS, 1, 1);
      expect(others.map(({ taskId }) => taskId)).toEqual([third?.taskId]);
    });

    test("spare what has not ended, and do not mind what is gone", async () => {
      await using fixture = await open();
      const { store, rival } = fixture;
      const { fence } = await leaseOne(store);
      await store.recordDispatch(fence, aDispatch("sent"));
      const pending = await createOne(store, { workflow: "other" });
      const ended = await createOne(store, { workflow: "other" });
      await store.cancel(ended.taskId);
      const ids = [fence.taskId, pending.taskId, ended.taskId, "", "0".repeat(32)];
      const counts = await Promise.all([store.deleteEnded(ids), rival.deleteEnded(ids)]);
      expect(counts.toSorted()).toEqual([0, 1]);
      expect(await store.deleteEnded([])).toBe(0);
      expect(await store.get(ended.taskId)).toBeUndefined();
      expect(await store.get(pending.taskId)).toEqual(pending);
      expect((await store.get(fence.taskId))?.status).toBe("processing");
    });

    test("free the idempotency key", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const idempotency = { key: "once", requestHash: "a" };
      const { taskId } = await createOne(store, { idempotency });
      await store.cancel(taskId);
      await store.deleteEnded([taskId]);
      expect(await store.replay(idempotency)).toBeUndefined();
      expect((await createOne(store, { idempotency })).taskId).not.toBe(taskId);
    });
  });

  describe("leaseDuty()", () => {
    test("gives a duty to one owner until its lease is over", async () => {
      await using fixture = await open();
      const { store, rival } = fixture;
      const owners = ["a", "b", "c", "d"];
      const answers = await Promise.all(
        owners.map((owner, index) =>
          (index % 2 === 0 ? store : rival).leaseDuty("sweep", owner, LONG_LEASE_MS),
        ),
      );
      expect(answers.filter(Boolean)).toHaveLength(1);
      const holder = owners[answers.indexOf(true)] ?? "";
      expect(await rival.leaseDuty("sweep", holder, LONG_LEASE_MS)).toBe(true);
      expect(await store.leaseDuty("sweep", "$owner", LONG_LEASE_MS)).toBe(false);
      expect(await store.leaseDuty("another", "e", LONG_LEASE_MS)).toBe(true);
    });

    test("lets its owner renew it, and another take it when it was not renewed", async () => {
      await using fixture = await open();
      const { store, rival } = fixture;
      expect(await store.leaseDuty("sweep", "a", BRIEF_MS)).toBe(true);
      expect(await store.leaseDuty("sweep", "a", AMPLE_MS)).toBe(true);
      expect(await rival.leaseDuty("sweep", "b", BRIEF_MS)).toBe(false);
      await fixture.advance(AMPLE_MS);
      expect(await rival.leaseDuty("sweep", "b", LONG_LEASE_MS)).toBe(true);
      expect(await store.leaseDuty("sweep", "a", LONG_LEASE_MS)).toBe(false);
    });

    test("lets its owner give it back, and nobody else", async () => {
      await using fixture = await open();
      const { store, rival } = fixture;
      await store.leaseDuty("sweep", "a", LONG_LEASE_MS);
      await rival.leaseDuty("sweep", "b", 0);
      expect(await rival.leaseDuty("sweep", "b", LONG_LEASE_MS)).toBe(false);
      await store.leaseDuty("sweep", "a", 0);
      expect(await rival.leaseDuty("sweep", "b", LONG_LEASE_MS)).toBe(true);
    });
  });
}
