import { describe, expect, test } from "vitest";
import type { TaskEvent } from "../../src/domain/webhook.js";
import type { TaskStore } from "../../src/store/task-store.js";
import {
  type DeliveryRequest,
  type LeasedDelivery,
  TELL_FOR_MS,
} from "../../src/store/webhook-outbox.js";
import {
  AMPLE_MS,
  aLease,
  aRetry,
  BRIEF_MS,
  COMPLETED,
  createOne,
  FAILED,
  fenceOf,
  LONG_LEASE_MS,
  SHORT_MS,
} from "../support/task-store-builders.js";
import type { OpenStore } from "./task-store.contract.js";

const ALL: readonly TaskEvent[] = [
  ...(["task.processing", "task.completed", "task.failed", "task.canceled"] as const),
];
const OK = { status: 204, durationMs: 3 };
const DELIVERED = { kind: "delivered" } as const;

const webhook = (host = "hooks.example.com", events = ALL) => ({
  url: `https://${host}/task?token=1`,
  events,
});

const lease = (store: TaskStore, overrides: Partial<DeliveryRequest> = {}) =>
  store.outbox.lease({
    ...{ leaseMs: LONG_LEASE_MS, limit: 10, perReceiver: 10, except: [], ...overrides },
  });

/** Leases the only event that is due. */
async function leaseEvent(store: TaskStore): Promise<LeasedDelivery> {
  const [only, ...others] = await lease(store);
  expect(others).toEqual([]);
  if (!only) throw new Error("No event is due");
  return only;
}

/** Creates a task, leases and completes it. */
async function runOne(store: TaskStore, host?: string, events?: readonly TaskEvent[]) {
  const { taskId } = await createOne(store, { webhook: webhook(host, events ?? ALL) });
  const task = await store.lease(aLease());
  if (task?.taskId !== taskId) throw new Error("Leased another task or none");
  expect(await store.settle(fenceOf(task), COMPLETED)).toBe("ok");
  return task;
}

/** Tells everything that waits, one after the other. */
async function tellAll(store: TaskStore): Promise<readonly LeasedDelivery[]> {
  const told: LeasedDelivery[] = [];
  for (let next = await lease(store); next.length > 0; next = await lease(store))
    for (const event of next) {
      expect(await store.outbox.settle(event, DELIVERED, OK)).toBe(true);
      told.push(event);
    }
  return told;
}

/** What a store keeps for webhooks. */
export function describeOutbox(open: OpenStore): void {
  describe("webhooks", () => {
    test("keeps a task's events in their order, each with the task as it was", async () => {
      await using fixture = await open();
      const { store, rival } = fixture;
      const { taskId } = await runOne(store);
      const first = await leaseEvent(rival);
      expect(first).toMatchObject({ event: "task.processing", taskId, tryCount: 0 });
      expect(first.receiver).toBe("hooks.example.com:443");
      expect(first.url).toBe(webhook().url);
      expect(first.task).toMatchObject({ taskId, status: "processing" });
      expect(await lease(store)).toEqual([]);
      expect(await rival.outbox.settle(first, DELIVERED, OK)).toBe(true);
      const second = await leaseEvent(store);
      expect(second).toMatchObject({ event: "task.completed", task: { status: "completed" } });
      const { webhook: _, ...completed } = (await store.get(taskId)) ?? {};
      expect(second.task).toMatchObject(completed);
      expect(second.deliveryId).not.toBe(first.deliveryId);
      expect(await store.outbox.settle(second, DELIVERED, OK)).toBe(true);
      expect(await lease(store)).toEqual([]);
      const told = await rival.outbox.deliveries(taskId);
      expect(told.map(({ event, state }) => [event, state])).toEqual([
        ["task.completed", "delivered"],
        ["task.processing", "delivered"],
      ]);
      expect(told[0]?.tries).toMatchObject([{ tryCount: 1, status: 204, durationMs: 3 }]);
    });

    test("keeps only the events that are asked for, and none without a webhook", async () => {
      await using fixture = await open();
      const { store } = fixture;
      await runOne(store, "hooks.example.com", ["task.failed"]);
      const { taskId } = await createOne(store);
      const task = await store.lease(aLease());
      if (task) await store.settle(fenceOf(task), FAILED);
      expect(await lease(store)).toEqual([]);
      expect(await store.outbox.deliveries(taskId)).toEqual([]);
      expect(await store.outbox.waiting()).toEqual({ taskCount: 0 });
    });

    test("tells once that a task began, however often it is begun", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const { taskId } = await createOne(store, { webhook: webhook() });
      const first = await store.lease(aLease());
      if (first) await store.settle(fenceOf(first), { kind: "handed_back" });
      const second = await store.lease(aLease());
      if (second) await store.settle(fenceOf(second), aRetry());
      await store.lease(aLease());
      expect(await store.cancel(taskId)).toBe("canceled");
      const events = (await tellAll(store)).map(({ event }) => event);
      expect(events).toEqual(["task.processing", "task.canceled"]);
    });

    test("gives an event out again when its time has come, and counts the tries", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const { taskId } = await runOne(store);
      const first = await leaseEvent(store);
      const failed = { durationMs: 7, error: "refused" };
      await store.outbox.settle(first, { kind: "again", delayMs: BRIEF_MS }, failed);
      await fixture.advance(SHORT_MS);
      const again = await leaseEvent(store);
      expect(again).toMatchObject({ deliveryId: first.deliveryId, tryCount: 1 });
      await store.outbox.settle(again, { kind: "again", delayMs: LONG_LEASE_MS }, failed);
      expect(await lease(store)).toEqual([]);
      const [, told] = await store.outbox.deliveries(taskId);
      expect(told?.tries.map(({ tryCount, error }) => [tryCount, error])).toEqual([
        [1, "refused"],
        [2, "refused"],
      ]);
    });

    test("gives an event to another process when its holder is gone", async () => {
      await using fixture = await open();
      const { store, rival } = fixture;
      await runOne(store);
      const [lost] = await lease(store, { leaseMs: BRIEF_MS });
      await fixture.advance(SHORT_MS);
      const taken = await leaseEvent(rival);
      expect(taken.deliveryId).toBe(lost?.deliveryId);
      if (lost) expect(await store.outbox.settle(lost, DELIVERED, OK)).toBe(false);
      expect(await rival.outbox.settle(taken, DELIVERED, OK)).toBe(true);
    });

    test("gives out so many events of a receiver at most, and none of some", async () => {
      await using fixture = await open();
      const { store } = fixture;
      for (const host of ["a.example.com", "a.example.com", "a.example.com", "b.example.com"])
        await runOne(store, host, ["task.completed"]);
      const [a, b] = ["a.example.com:443", "b.example.com:443"];
      const without = await lease(store, { perReceiver: 1, limit: 1, except: [a] });
      expect(without.map(({ receiver }) => receiver)).toEqual([b]);
      const two = await lease(store, { perReceiver: 2 });
      expect(two.map(({ receiver }) => receiver)).toEqual([a, a]);
      expect(await lease(store, { limit: 0 })).toEqual([]);
      expect(await store.outbox.waiting()).toEqual({ taskCount: 4 });
    });

    test("tells a receiver that wants no more nothing more of the task", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const { taskId } = await createOne(store, { webhook: webhook() });
      await store.lease(aLease());
      const gone = await leaseEvent(store);
      await store.outbox.settle(gone, { kind: "gone" }, { status: 410, durationMs: 1 });
      await store.cancel(taskId);
      expect(await lease(store)).toEqual([]);
      const told = await store.outbox.deliveries(taskId);
      expect(told.map(({ state }) => state)).toEqual(["failed", "failed"]);
    });

    test("tells an event again when it is asked to", async () => {
      await using fixture = await open();
      const { store, rival } = fixture;
      const { taskId } = await runOne(store, undefined, ["task.completed"]);
      const [told] = await tellAll(store);
      const deliveryId = told?.deliveryId ?? "";
      expect(await rival.outbox.redeliver(taskId, "evt_other")).toBe(false);
      expect(await rival.outbox.redeliver(taskId, deliveryId)).toBe(true);
      expect(await leaseEvent(store)).toMatchObject({ deliveryId, tryCount: 1 });
    });

    test("calls a listener for each event that this process stores", async () => {
      await using fixture = await open();
      const { store } = fixture;
      let callCount = 0;
      const end = store.outbox.onStored(() => {
        callCount += 1;
      });
      await runOne(store);
      end();
      await runOne(store);
      expect(callCount).toBe(2);
    });

    test("keeps what a deleted task still has to tell, until it was told", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const told = await runOne(store, "a.example.com", ["task.completed"]);
      await tellAll(store);
      const waiting = await runOne(store, "a.example.com", ["task.completed"]);
      expect(await store.deleteEnded([told.taskId, waiting.taskId])).toBe(2);
      expect(await store.outbox.deliveries(told.taskId)).toEqual([]);
      const last = await leaseEvent(store);
      expect(last.taskId).toBe(waiting.taskId);
      await store.outbox.settle(last, DELIVERED, OK);
      expect(await store.outbox.deliveries(waiting.taskId)).toEqual([]);
    });

    test("gives up after a day, and no sooner", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const { taskId } = await runOne(store);
      if (!fixture.isClockSteady) return expect(await store.outbox.giveUp(10)).toBe(0);
      await fixture.advance(TELL_FOR_MS - AMPLE_MS);
      expect(await store.outbox.giveUp(10)).toBe(0);
      await fixture.advance(AMPLE_MS);
      expect(await store.outbox.giveUp(10)).toBe(1);
      expect(await lease(store)).toEqual([]);
      const states = (await store.outbox.deliveries(taskId)).map(({ state }) => state);
      expect(states).toEqual(["failed", "failed"]);
    });
  });
}
