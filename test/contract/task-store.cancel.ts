import { describe, expect, test } from "vitest";
import type { Fence } from "../../src/store/task-queue.js";
import type { TaskStore } from "../../src/store/task-store.js";
import { heldSlots } from "../support/held-slots.js";
import {
  aDispatch,
  aLease,
  aMemoryFailure,
  aRetry,
  aStage,
  BRIEF_MS,
  COMPLETED,
  createOne,
  FAILED,
  fenceOf,
  LONG_LEASE_MS,
  leaseOne,
  readTask,
  SHORT_MS,
  takeOverOne,
} from "../support/task-store-builders.js";
import type { OpenStore } from "./task-store.contract.js";

/** Cancels and the cleanup after them. */
export function describeCanceling(open: OpenStore): void {
  describe("cancel()", () => {
    test("ends a pending task at once", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const { taskId } = await createOne(store);
      expect(await store.cancel(taskId)).toBe("canceled");
      const task = await readTask(store, taskId);
      expect(task).toMatchObject({ status: "canceled", rev: 2, attempts: [], stages: {} });
      expect(task.finishedAt).toEqual(task.updatedAt);
      expect(task).not.toHaveProperty("cleanupPending");
      expect(await store.lease(aLease())).toBeUndefined();
      expect(await store.leaseOrphan("replica-2", LONG_LEASE_MS)).toBeUndefined();
    });

    test("tells ended and unknown tasks apart and changes neither", async () => {
      await using fixture = await open();
      const { store } = fixture;
      for (const outcome of [COMPLETED, FAILED]) {
        const { fence } = await leaseOne(store);
        await store.settle(fence, outcome);
        const before = await readTask(store, fence.taskId);
        expect(await store.cancel(fence.taskId)).toBe("terminal");
        expect(await readTask(store, fence.taskId)).toEqual(before);
      }
      const { taskId } = await createOne(store);
      await store.cancel(taskId);
      const before = await readTask(store, taskId);
      expect(await store.cancel(taskId)).toBe("already_canceled");
      expect(await readTask(store, taskId)).toEqual(before);
      expect(await store.cancel("f".repeat(32))).toBe("not_found");
      expect(await store.cancel("a\u0000")).toBe("not_found");
    });

    test("takes the lease of a task that no server knows, and its holder learns of it", async () => {
      await using fixture = await open();
      const { store, rival } = fixture;
      const { fence } = await leaseOne(store);
      await store.updateStage(fence, "download", { progress: 30 });
      await store.recordMemoryFailure(fence, aMemoryFailure());
      await rival.cancel(fence.taskId);
      const task = await readTask(store, fence.taskId);
      expect(task).toMatchObject({
        stages: { download: aStage({ status: "canceled", progress: 30 }) },
        attempts: [{ reason: "canceled", endedAt: task.finishedAt }],
      });
      for (const field of ["lease", "cleanupPending", "memoryFailures"]) {
        expect(task).not.toHaveProperty(field);
      }
      const beat = await store.heartbeat("replica-1", LONG_LEASE_MS, [fence]);
      expect(beat).toEqual({ lost: [], canceled: [fence] });
      expect(await store.settle(fence, COMPLETED)).toBe("canceled");
      expect(await store.finishCleanup(fence)).toBe("ok");
      expect(await readTask(store, fence.taskId)).toEqual(task);
    });

    test("keeps what is needed to discard an unfinished upload until the cleanup has ended", async () => {
      await using fixture = await open();
      const { store, rival } = fixture;
      const { fence } = await leaseOne(store);
      await store.recordUpload(fence, { part: 1 });
      await rival.cancel(fence.taskId);
      const held = await readTask(store, fence.taskId);
      expect(held).toMatchObject({ cleanupPending: true, uploadCheckpoint: { part: 1 } });
      expect(held.lease).toBeDefined();
      expect(await store.finishCleanup(fence)).toBe("ok");
      const ended = await readTask(store, fence.taskId);
      for (const field of ["lease", "cleanupPending", "uploadCheckpoint"])
        expect(ended).not.toHaveProperty(field);
    });

    test("of a pending task with an unfinished upload hands it out for its cleanup", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const { fence } = await leaseOne(store);
      await store.recordDispatch(fence, aDispatch("done"));
      await store.recordUpload(fence, { part: 1 });
      await store.settle(fence, aRetry({ delayMs: LONG_LEASE_MS }));
      expect(await store.cancel(fence.taskId)).toBe("canceled");
      const orphan = await takeOverOne(store);
      expect(orphan).toMatchObject({ taskId: fence.taskId, uploadCheckpoint: { part: 1 } });
      expect(await store.finishCleanup(fenceOf(orphan))).toBe("ok");
      expect(await readTask(store, fence.taskId)).not.toHaveProperty("uploadCheckpoint");
    });

    test.each([
      ["holds a slot", true, undefined, true],
      ["has an intent", false, "intent", true],
      ["has a prompt sent", true, "sent", true],
      ["has the prompt done but the slot still", true, "done", true],
      ["has the prompt done", false, "done", false],
    ] as const)("of a task that %s", async (_case, hasSlot, phase, needsCleanup) => {
      await using fixture = await open();
      const { store } = fixture;
      const { fence } = await leaseOne(store);
      if (hasSlot) await store.bindSlot(fence, "gpu-1#0");
      if (phase) await store.recordDispatch(fence, aDispatch(phase));
      await store.cancel(fence.taskId);
      const task = await readTask(store, fence.taskId);
      expect("cleanupPending" in task).toBe(needsCleanup);
      expect("lease" in task).toBe(needsCleanup);
      expect("dispatch" in task).toBe(needsCleanup && phase !== undefined);
      expect(await heldSlots(store)).toHaveLength(needsCleanup && hasSlot ? 1 : 0);
    });

    test("wins or loses against settle, never both", async () => {
      await using fixture = await open();
      const { store, rival } = fixture;
      for (let i = 0; i < 10; i++) {
        const { fence } = await leaseOne(store);
        const settle = () => store.settle(fence, i % 4 < 2 ? COMPLETED : FAILED);
        const cancel = () => rival.cancel(fence.taskId);
        const [first, second] = i % 2 ? [settle, cancel] : [cancel, settle];
        const answers = (await Promise.all([first(), second()])).toSorted();
        const { status } = await readTask(store, fence.taskId);
        expect(answers).toEqual(
          status === "canceled" ? ["canceled", "canceled"] : ["ok", "terminal"],
        );
      }
    });

    test("by ten at once succeeds once", async () => {
      await using fixture = await open();
      const { store, rival } = fixture;
      const { taskId } = await createOne(store);
      const answers = await Promise.all(
        Array.from({ length: 10 }, (_, i) => (i % 2 ? store : rival).cancel(taskId)),
      );
      expect(answers.toSorted()).toEqual([...Array(9).fill("already_canceled"), "canceled"]);
      expect((await store.counts()).canceled).toBe(1);
    });

    test("wins or loses against lease, and the task is never run then", async () => {
      await using fixture = await open();
      const { store, rival } = fixture;
      const { taskId } = await createOne(store);
      const [leased] = await Promise.all([store.lease(aLease()), rival.cancel(taskId)]);
      expect((await readTask(store, taskId)).status).toBe("canceled");
      if (leased) expect(await store.bindSlot(fenceOf(leased), "gpu-1#0")).toBe("canceled");
    });
  });

  describe("cleanup of a canceled task", () => {
    test("is the living holder's: it keeps lease and slot until finishCleanup()", async () => {
      await using fixture = await open();
      const { store, rival } = fixture;
      const fence = await cancelRunning(store, BRIEF_MS);
      const canceled = await readTask(store, fence.taskId);
      const beat = await store.heartbeat("replica-1", LONG_LEASE_MS, [{ ...fence, progress: 99 }]);
      expect(beat).toEqual({ lost: [], canceled: [fence] });
      await fixture.advance(SHORT_MS);
      expect(await rival.leaseOrphan("replica-2", LONG_LEASE_MS)).toBeUndefined();
      const { fence: other } = await leaseOne(rival);
      expect(await rival.bindSlot(other, "gpu-1#0")).toBe("busy");
      expect(await store.finishCleanup(fence)).toBe("ok");
      expect(await store.finishCleanup(fence)).toBe("ok");
      expect(await rival.bindSlot(other, "gpu-1#0")).toBe("ok");
      const { cleanupPending, lease, slot, dispatch, ...rest } = canceled;
      expect([cleanupPending, lease?.owner, slot, dispatch?.phase]).toEqual([
        ...[true, "replica-1", "gpu-1#0", "sent"],
      ]);
      expect(await readTask(store, fence.taskId)).toEqual(rest);
    });

    test("goes to another when the lease has expired, and the old holder has lost it", async () => {
      await using fixture = await open();
      const { store, rival } = fixture;
      const fence = await cancelRunning(store, BRIEF_MS);
      const before = await readTask(store, fence.taskId);
      await fixture.advance(SHORT_MS);
      const taken = await takeOverOne(rival);
      const lease = { owner: "replica-2", expiresAt: taken.lease?.expiresAt };
      expect(taken).toEqual({ ...before, epoch: 2, lease });
      expect(await store.finishCleanup(fence)).toBe("lost");
      expect((await store.heartbeat("replica-1", LONG_LEASE_MS, [fence])).lost).toEqual([fence]);
      expect(await heldSlots(store)).toHaveLength(1);
      expect(await rival.finishCleanup(fenceOf(taken))).toBe("ok");
      expect(await heldSlots(store)).toEqual([]);
      expect(await rival.leaseOrphan("replica-2", LONG_LEASE_MS)).toBeUndefined();
    });

    test.each([
      ["a slot kept", aRetry({ keepSlot: true, delayMs: 60_000 })],
      ["a prompt sent", aRetry({ delayMs: 60_000 })],
      ["both, handed back", { kind: "handed_back" } as const],
    ])("of a pending task with %s is up for leaseOrphan() at once", async (_case, outcome) => {
      await using fixture = await open();
      const { store } = fixture;
      const { fence } = await leaseOne(store);
      await store.bindSlot(fence, "gpu-1#0");
      await store.recordDispatch(fence, aDispatch("sent"));
      await store.settle(fence, outcome);
      await store.cancel(fence.taskId);
      expect(await readTask(store, fence.taskId)).toMatchObject({ cleanupPending: true });
      for (const epoch of [1, 2]) {
        expect(await store.finishCleanup({ ...fence, epoch })).toBe("lost");
      }
      const taken = await takeOverOne(store);
      expect(taken).toMatchObject({
        ...{ taskId: fence.taskId, status: "canceled", epoch: 2, cleanupPending: true },
        ...{ takeovers: 0, dispatch: { promptId: "prompt-1" }, attempts: [{}] },
      });
      expect(await store.finishCleanup(fenceOf(taken))).toBe("ok");
    });

    test("is no matter of tasks that are not canceled", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const { fence: running } = await leaseOne(store);
      const { fence: completed } = await leaseOne(store);
      await store.settle(completed, COMPLETED);
      expect(await store.finishCleanup(running)).toBe("lost");
      expect(await store.finishCleanup(completed)).toBe("terminal");
      expect(await store.finishCleanup({ taskId: "f".repeat(32), epoch: 1 })).toBe("lost");
      expect((await readTask(store, running.taskId)).lease?.owner).toBe("replica-1");
    });
  });
}

async function cancelRunning(store: TaskStore, leaseMs: number): Promise<Fence> {
  const { fence } = await leaseOne(store, { leaseMs });
  await store.bindSlot(fence, "gpu-1#0");
  await store.recordDispatch(fence, aDispatch("sent"));
  await store.cancel(fence.taskId);
  return fence;
}
