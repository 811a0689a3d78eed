import { describe, expect, test } from "vitest";
import type { Task } from "../../src/domain/task.js";
import type { NewTask } from "../../src/store/task-intake.js";
import type { TaskStore } from "../../src/store/task-store.js";
import {
  AMPLE_MS,
  aDispatch,
  aLease,
  aRetry,
  BRIEF_MS,
  createOne,
  fenceOf,
  LONG_LEASE_MS,
  leaseOne,
  readTask,
  SHORT_MS,
  takeOverOne,
} from "../support/task-store-builders.js";
import type { OpenStore, StoreFixture } from "./task-store.contract.js";

/** More than passes in a test, even if the database is slow. */
const SLOW_MS = 120_000;

/** How tasks get and change their holders. */
export function describeLeasing(open: OpenStore): void {
  describe("lease()", () => {
    test("makes the task processing under a higher epoch, with an attempt opened", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const { task } = await leaseOne(store, { leaseMs: 20_000 });
      const [attempt] = task.attempts;
      expect(task).toMatchObject({ status: "processing", epoch: 1, rev: 2, attempt: 1 });
      expect(task.lease?.owner).toBe("replica-1");
      expect(msBetween(attempt?.startedAt, task.lease?.expiresAt)).toBe(20_000);
      expect(task.attempts).toEqual([{ attempt: 1, startedAt: attempt?.startedAt }]);
      expect(await readTask(store, task.taskId)).toEqual(task);
    });

    test("writes the stage that its holder begins at once, unless that succeeded or there is a prompt", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const begins = {
        name: "download",
        patch: { status: "running", detail: "Starting" },
      } as const;
      const { task, fence } = await leaseOne(store, { begins });
      expect(task).toMatchObject({
        rev: 2,
        stages: { download: { ...begins.patch, progress: 0 } },
      });
      await store.updateStage(fence, "download", { status: "success" });
      await store.settle(fence, aRetry());
      const again = await store.lease(aLease({ begins }));
      expect(again?.stages.download?.status).toBe("success");
      const { fence: sent } = await leaseOne(store);
      await store.recordDispatch(sent, aDispatch("sent"));
      await store.settle(sent, aRetry());
      expect((await store.lease(aLease({ begins })))?.stages).toEqual({});
    });

    test("goes by priority, then due time, then age", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const names: Record<string, string> = {};
      const add = async (name: string, task: Partial<NewTask>) => {
        names[(await createOne(store, task)).taskId] = name;
      };
      const { createdAt } = await createOne(store, { workflow: "clock" });
      const waitMs = fixture.isClockSteady ? BRIEF_MS : AMPLE_MS;
      const later = new Date(createdAt.getTime() + waitMs);
      await add("fifth", { priority: 0 });
      await add("fourth", { priority: 1, notBefore: later });
      await add("second", { priority: 1 });
      await add("third", { priority: 1 });
      await add("first", { priority: 2, notBefore: later });
      await fixture.advance(waitMs + SHORT_MS);
      const order = (await leaseAll(store)).map(({ taskId }) => names[taskId]);
      expect(order).toEqual(["first", "second", "third", "fourth", "fifth"]);
    });

    test("answers nothing when no task of the workflows given is due", async () => {
      await using fixture = await open();
      const { store } = fixture;
      await createOne(store, { notBefore: new Date(Date.now() + 3_600_000), priority: 2 });
      await createOne(store, { workflow: "large" });
      expect(await store.lease(aLease())).toBeUndefined();
      expect(await store.lease(aLease({ workflows: [] }))).toBeUndefined();
      const leased = await store.lease(aLease({ workflows: ["small", "large", "large"] }));
      expect(leased?.workflow).toBe("large");
    });

    test("gives each task to one of many who ask at once", async () => {
      await using fixture = await open();
      const { store, rival } = fixture;
      const created = await Promise.all(Array.from({ length: 12 }, () => createOne(store)));
      const leased = await Promise.all(
        Array.from({ length: 30 }, (_, i) =>
          (i % 2 ? store : rival).lease(aLease({ owner: `replica-${i}` })),
        ),
      );
      const ids = leased.flatMap((task) => task?.taskId ?? []);
      expect(ids.toSorted()).toEqual(created.map(({ taskId }) => taskId).toSorted());
    });
  });

  describe("lease() with preferred workflows", () => {
    const both = { workflows: ["a", "b"], prefer: ["b"] };

    test("lets a preferred task pass an older one up to maxBypassCount times", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const passed = await createOne(store, { workflow: "a" });
      for (let i = 0; i < 4; i++) await createOne(store, { workflow: "b" });
      const order = await leaseAll(store, { ...both, maxBypassCount: 2 });
      expect(order.map(({ workflow }) => workflow)).toEqual(["b", "b", "a", "b", "b"]);
      const leased = await readTask(store, passed.taskId);
      expect(leased.bypassCount).toBe(2);
      expect(leased.firstBypassedAt).toBeInstanceOf(Date);
    });

    test("lets it pass for no longer than maxBypassMs since the first time", async () => {
      await using fixture = await open();
      const { store } = fixture;
      await createOne(store, { workflow: "a" });
      for (let i = 0; i < 2; i++) await createOne(store, { workflow: "b" });
      const request = aLease({ ...both, maxBypassMs: BRIEF_MS });
      expect((await store.lease(request))?.workflow).toBe("b");
      await fixture.advance(SHORT_MS);
      expect((await store.lease(request))?.workflow).toBe("a");
    });

    test("counts for every head that is passed, and not for younger ones", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const a = await createOne(store, { workflow: "a" });
      const c = await createOne(store, { workflow: "c" });
      const b = await createOne(store, { workflow: "b" });
      const d = await createOne(store, { workflow: "d" });
      const request = aLease({ workflows: ["d", "c", "b", "a"], prefer: ["b", "d"] });
      expect((await store.lease(request))?.taskId).toBe(b.taskId);
      const counts = await Promise.all(
        [a, c, d].map(async ({ taskId }) => (await readTask(store, taskId)).bypassCount),
      );
      expect(counts).toEqual([1, 1, 0]);
    });

    test("never passes a higher priority, and passes nobody when the oldest is preferred", async () => {
      await using fixture = await open();
      const { store } = fixture;
      await createOne(store, { workflow: "b" });
      const a = await createOne(store, { workflow: "a", priority: 2 });
      const order = await leaseAll(store, both);
      expect(order.map(({ workflow }) => workflow)).toEqual(["a", "b"]);
      expect((await readTask(store, a.taskId)).bypassCount).toBe(0);
    });

    test("passes nobody with a bound of 0", async () => {
      await using fixture = await open();
      const { store } = fixture;
      await createOne(store, { workflow: "a" });
      await createOne(store, { workflow: "b" });
      const order = await leaseAll(store, { ...both, maxBypassCount: 0 });
      expect(order.map(({ workflow }) => workflow)).toEqual(["a", "b"]);
    });
  });

  describe("lease() of a task that holds a slot", () => {
    test("comes before all others, whatever its workflow and priority, once it is due", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const { fence } = await leaseOne(store);
      await store.bindSlot(fence, "gpu-1#0");
      await store.settle(fence, aRetry({ keepSlot: true, delayMs: BRIEF_MS }));
      for (let i = 0; i < 2; i++) await createOne(store, { priority: 2, workflow: "large" });
      const request = aLease({ workflows: ["large"], prefer: ["large"] });
      if (fixture.isClockSteady) expect((await store.lease(request))?.workflow).toBe("large");
      await fixture.advance(SHORT_MS);
      expect(await store.lease(request)).toMatchObject({
        ...{ taskId: fence.taskId, slot: "gpu-1#0", epoch: 2, bypassCount: 0 },
        attempts: [{ server: "gpu-1" }, { attempt: 2, server: "gpu-1" }],
      });
      expect((await store.lease(request))?.bypassCount).toBe(0);
    });
  });

  describe("leaseOrphan()", () => {
    test("takes nothing over while leases hold", async () => {
      await using fixture = await open();
      const { store } = fixture;
      await leaseOne(store);
      await createOne(store);
      await fixture.advance(SHORT_MS);
      expect(await store.leaseOrphan("replica-2", LONG_LEASE_MS)).toBeUndefined();
    });

    test("takes an expired task over with its slot and dispatch, under a higher epoch", async () => {
      await using fixture = await open();
      const { store, rival } = fixture;
      const { task, fence } = await leaseOne(store, { leaseMs: BRIEF_MS });
      await store.bindSlot(fence, "gpu-1#0");
      await store.recordDispatch(fence, aDispatch("sent"));
      const before = await readTask(store, task.taskId);
      await fixture.advance(SHORT_MS);
      const taken = await takeOverOne(rival);
      expect(taken).toMatchObject({
        ...{ taskId: task.taskId, status: "processing", epoch: 2, rev: before.rev + 1, attempt: 1 },
        ...{ slot: "gpu-1#0", dispatch: before.dispatch, lease: { owner: "replica-2" } },
      });
      const [ended, opened] = taken.attempts;
      expect(ended).toMatchObject({ server: "gpu-1", reason: "lease_expired" });
      expect(ended?.endedAt).toEqual(opened?.startedAt);
      expect(opened).toEqual({ attempt: 1, server: "gpu-1", startedAt: opened?.startedAt });
      expect(await readTask(store, task.taskId)).toEqual(taken);
    });

    test.each([
      ["the download runs", "download", "running", 1],
      ["the upload runs", "upload", "running", 1],
      ["a server runs the prompt", "process", "running", 0],
      ["the download has ended", "download", "success", 0],
    ] as const)("when %s counts %s %s as %i takeovers", async (_case, stage, status, count) => {
      await using fixture = await open();
      const { store } = fixture;
      const { fence } = await leaseOne(store, { leaseMs: BRIEF_MS });
      await store.updateStage(fence, stage, { status });
      await fixture.advance(SHORT_MS);
      expect((await takeOverOne(store)).takeovers).toBe(count);
    });

    test("leaves tasks without slot, prompt and cleanup alone where only others are asked for", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const take = () => store.leaseOrphan("replica-2", LONG_LEASE_MS, "with_prompt");
      await createOne(store, { workflow: "other" });
      const { task, fence } = await leaseOne(store, { leaseMs: BRIEF_MS / 2 });
      const other = await store.lease(aLease({ leaseMs: BRIEF_MS, workflows: ["other"] }));
      if (!other) throw new Error("Nothing was leased");
      await store.recordDispatch(fenceOf(other), aDispatch("done"));
      await fixture.advance(SHORT_MS);
      expect((await take())?.taskId).toBe(other.taskId);
      expect(await take()).toBeUndefined();
      await store.bindSlot(fence, "gpu-1#0");
      expect((await take())?.taskId).toBe(task.taskId);
    });

    test("gives an expired task to one of ten who ask at once, the longest expired first", async () => {
      await using fixture = await open();
      const { store, rival } = fixture;
      await createOne(store, { workflow: "older" });
      const { fence: early } = await leaseOne(store, { leaseMs: BRIEF_MS / 2 });
      const late = await store.lease(aLease({ leaseMs: BRIEF_MS, workflows: ["older"] }));
      await fixture.advance(SHORT_MS);
      expect((await takeOverOne(store)).taskId).toBe(early.taskId);
      const taken = await Promise.all(
        Array.from({ length: 10 }, (_, i) =>
          (i % 2 ? store : rival).leaseOrphan(`replica-${i}`, LONG_LEASE_MS),
        ),
      );
      expect(taken.flatMap((task) => task?.taskId ?? [])).toEqual([late?.taskId]);
    });
  });

  describe("queueAgeMs()", () => {
    test("is how long the task that is due longest is due, 0 while none is", async () => {
      await using fixture = await open();
      const { store } = fixture;
      expect(await store.queueAgeMs()).toBe(0);
      const { createdAt } = await createOne(store);
      await createOne(store, { notBefore: new Date(createdAt.getTime() + 3_600_000) });
      await fixture.advance(SHORT_MS);
      const ageMs = await store.queueAgeMs();
      expect(ageMs).toBeGreaterThanOrEqual(SHORT_MS);
      await store.lease(aLease());
      expect(await store.queueAgeMs()).toBe(0);
    });
  });

  describe("nextDueInMs()", () => {
    /** Checks how long it is from a task's creation to what is due next, by the store's own clock. */
    async function expectDue(
      { store, isClockSteady }: StoreFixture,
      { createdAt }: Task,
      dueAt: Date | undefined,
    ): Promise<void> {
      const fromCreationMs = msBetween(createdAt, dueAt) ?? 0;
      const dueInMs = (await store.nextDueInMs()) ?? 0;
      if (isClockSteady) expect(dueInMs).toBe(fromCreationMs);
      expect(dueInMs).toBeLessThanOrEqual(fromCreationMs);
      expect(dueInMs).toBeGreaterThan(fromCreationMs - SLOW_MS);
    }

    test("tells when the next task becomes due or the next lease ends, if any is to come", async () => {
      await using fixture = await open();
      const { store } = fixture;
      expect(await store.nextDueInMs()).toBeUndefined();
      const first = await createOne(store);
      expect(await store.nextDueInMs()).toBeUndefined();
      const inMs = (ms: number) => new Date(first.createdAt.getTime() + ms);
      await createOne(store, { notBefore: inMs(3_600_000) });
      await expectDue(fixture, first, inMs(3_600_000));
      const leased = await store.lease(aLease({ leaseMs: 600_000 }));
      await expectDue(fixture, first, leased?.lease?.expiresAt);
      await createOne(store, { notBefore: inMs(300_000), workflow: "other" });
      await expectDue(fixture, first, inMs(300_000));
    });

    test("does not count what is due or expired already", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const { fence } = await leaseOne(store, { leaseMs: BRIEF_MS });
      await fixture.advance(SHORT_MS);
      expect(await store.nextDueInMs()).toBeUndefined();
      const taken = await takeOverOne(store);
      expect(await store.nextDueInMs()).toBeGreaterThan(0);
      await store.settle(fenceOf(taken), { kind: "handed_back" });
      expect(await store.nextDueInMs()).toBeUndefined();
      expect((await readTask(store, fence.taskId)).status).toBe("pending");
    });
  });
}

async function leaseAll(
  store: TaskStore,
  overrides?: Parameters<typeof aLease>[0],
): Promise<Task[]> {
  const tasks: Task[] = [];
  for (;;) {
    const task = await store.lease(aLease(overrides));
    if (!task) return tasks;
    tasks.push(task);
  }
}

function msBetween(from: Date | undefined, to: Date | undefined): number | undefined {
  return from && to && to.getTime() - from.getTime();
}
