import { describe, expect, test } from "vitest";
import { MAX_ATTEMPTS_KEPT } from "../../src/domain/task.js";
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
} from "../support/task-store-builders.js";
import type { OpenStore } from "./task-store.contract.js";

/** How a lease ends. */
export function describeSettling(open: OpenStore): void {
  describe("settle()", () => {
    test("completed stores the outputs and frees everything", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const fence = await leaseBusy(store);
      expect(await store.settle(fence, COMPLETED)).toBe("ok");
      const task = await readTask(store, fence.taskId);
      expect(task).toMatchObject({
        ...{ status: "completed", progress: 100, finishedAt: task.updatedAt },
        outputs: COMPLETED.kind === "completed" ? COMPLETED.outputs : [],
        stages: { process: aStage({ status: "success", progress: 100 }) },
        attempts: [{ server: "gpu-1", endedAt: task.finishedAt, reason: "completed" }],
      });
      expectFreed(task);
      expect(await heldSlots(store)).toEqual([]);
    });

    test("failed stores the error, marks the running stage and frees everything", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const fence = await leaseBusy(store);
      await store.settle(fence, FAILED);
      const task = await readTask(store, fence.taskId);
      expect(task).toMatchObject({
        ...{ status: "failed", progress: 40, finishedAt: task.updatedAt },
        error: { code: "INPUT_DAMAGED", message: "Cannot read the input" },
        stages: { process: aStage({ status: "failed", progress: 50 }) },
        attempts: [{ endedAt: task.finishedAt, reason: "INPUT_DAMAGED" }],
      });
      expectFreed(task);
    });

    test.each([
      ["attempt", 2, 0, 0],
      ["takeover", 1, 1, 40],
      ["nothing", 1, 0, 40],
    ] as const)("retry that spends %s", async (spends, attempt, takeovers, progress) => {
      await using fixture = await open();
      const { store } = fixture;
      const fence = await leaseBusy(store);
      await store.settle(fence, aRetry({ spends }));
      const task = await readTask(store, fence.taskId);
      expect(task).toMatchObject({
        ...{ status: "pending", attempt, takeovers, progress, uploadCheckpoint: { part: 1 } },
        stages: { process: aStage({ status: "failed", progress: 50 }) },
        attempts: [{ attempt: 1, reason: "INPUT_UNREACHABLE" }],
        dispatch: { promptId: "prompt-1" },
      });
      for (const field of ["error", "finishedAt", "lease", "slot", "runningNode"]) {
        expect(task).not.toHaveProperty(field);
      }
      const again = await store.lease(aLease());
      expect(again).toMatchObject({
        epoch: 2,
        attempts: [{ attempt: 1 }, { attempt, server: "gpu-1" }],
      });
    });

    test("retry with a pause is due when it is over", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const { fence } = await leaseOne(store);
      await store.settle(fence, aRetry({ delayMs: BRIEF_MS }));
      const { dueAt, updatedAt } = await readTask(store, fence.taskId);
      expect(dueAt.getTime() - updatedAt.getTime()).toBe(BRIEF_MS);
      if (fixture.isClockSteady) expect(await store.lease(aLease())).toBeUndefined();
      await fixture.advance(SHORT_MS);
      expect((await store.lease(aLease()))?.taskId).toBe(fence.taskId);
    });

    test("retry without a pause, and handing back, keep the task's place", async () => {
      await using fixture = await open();
      const { store } = fixture;
      for (const outcome of [aRetry(), { kind: "handed_back" } as const]) {
        const { fence } = await leaseOne(store);
        await fixture.advance(5);
        const { taskId: younger } = await createOne(store);
        await fixture.advance(5);
        await store.settle(fence, outcome);
        expect((await store.lease(aLease()))?.taskId).toBe(fence.taskId);
        expect((await store.lease(aLease()))?.taskId).toBe(younger);
      }
    });

    test("retry keeps the slot if told to, so that nobody else gets it", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const fence = await leaseBusy(store);
      await store.settle(fence, aRetry({ keepSlot: true, delayMs: 60_000 }));
      const { fence: other } = await leaseOne(store);
      expect(await store.bindSlot(other, "gpu-1#0")).toBe("busy");
      expect(await heldSlots(store)).toEqual([{ slot: "gpu-1#0", taskId: fence.taskId }]);
    });

    test("retry forgets the dispatch if told to, and what was uploaded of its result", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const fence = await leaseBusy(store);
      await store.settle(fence, aRetry({ dropDispatch: true }));
      const task = await readTask(store, fence.taskId);
      expect(task).not.toHaveProperty("dispatch");
      expect(task).not.toHaveProperty("uploadCheckpoint");
    });

    test("retry after an unclear failure is remembered until the task ends", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const { fence } = await leaseOne(store);
      const unclearFailure = { server: "gpu-1", code: "PROMPT_FAILED", message: "Boom" } as const;
      await store.settle(fence, aRetry({ unclearFailure }));
      const again = await store.lease(aLease());
      expect(again).toMatchObject({ unclearFailure });
      await store.settle(fenceOf(again ?? fail()), aRetry());
      const last = await store.lease(aLease());
      expect(last).toMatchObject({ unclearFailure });
      await store.settle(fenceOf(last ?? fail()), FAILED);
      expect(await readTask(store, fence.taskId)).not.toHaveProperty("unclearFailure");
    });

    test("handing back spends nothing and leaves stage, slot and dispatch as they are", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const fence = await leaseBusy(store);
      const before = await readTask(store, fence.taskId);
      await store.settle(fence, { kind: "handed_back" });
      const task = await readTask(store, fence.taskId);
      expect(task).toMatchObject({
        ...{ status: "pending", attempt: 1, takeovers: 0, progress: 40, slot: "gpu-1#0" },
        ...{ dispatch: before.dispatch, stages: before.stages, dueAt: before.dueAt },
        attempts: [{ reason: "handed_back", server: "gpu-1" }],
      });
      expect(task).not.toHaveProperty("lease");
    });

    test("by ten at once is ok once", async () => {
      await using fixture = await open();
      const { store, rival } = fixture;
      const { fence } = await leaseOne(store);
      const outcomes = [COMPLETED, FAILED];
      const answers = await Promise.all(
        Array.from({ length: 10 }, (_, i) =>
          (i % 2 ? store : rival).settle(fence, outcomes[i % 2] ?? COMPLETED),
        ),
      );
      expect(answers.toSorted()).toEqual(["ok", ...Array(9).fill("terminal")]);
      const { completed, failed } = await store.counts();
      expect(completed + failed).toBe(1);
    });
  });

  describe("attempts", () => {
    test(`are kept up to ${MAX_ATTEMPTS_KEPT}, the newest`, async () => {
      await using fixture = await open();
      const { store } = fixture;
      const { taskId } = await createOne(store);
      for (let i = 0; i < MAX_ATTEMPTS_KEPT + 3; i++) {
        const task = await store.lease(aLease());
        if (task) await store.settle(fenceOf(task), aRetry());
      }
      const { attempts, attempt } = await readTask(store, taskId);
      expect(attempt).toBe(MAX_ATTEMPTS_KEPT + 4);
      expect(attempts.map((entry) => entry.attempt)).toEqual(
        Array.from({ length: MAX_ATTEMPTS_KEPT }, (_, i) => i + 4),
      );
    });
  });
}

/** A leased task in the middle of everything. */
async function leaseBusy(store: TaskStore): Promise<Fence> {
  const { fence } = await leaseOne(store);
  await store.bindSlot(fence, "gpu-1#0");
  await store.recordDispatch(fence, aDispatch("sent"));
  await store.recordUpload(fence, { part: 1 });
  await store.recordMemoryFailure(fence, aMemoryFailure());
  await store.updateStage(fence, "process", { progress: 50 }, 40);
  await store.heartbeat("replica-1", LONG_LEASE_MS, [{ ...fence, runningNode: "KSampler" }]);
  return fence;
}

function fail(): never {
  throw new Error("Nothing was leased");
}

function expectFreed(task: object): void {
  const fields = ["lease", "slot", "dispatch", "uploadCheckpoint", "memoryFailures"];
  for (const field of [...fields, "runningNode"]) {
    expect(task).not.toHaveProperty(field);
  }
}
