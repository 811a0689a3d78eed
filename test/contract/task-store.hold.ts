import { describe, expect, test } from "vitest";
import type { Fence, WriteResult } from "../../src/store/task-queue.js";
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
  FAILED,
  fenceOf,
  LONG_LEASE_MS,
  leaseOne,
  readTask,
  SHORT_MS,
  takeOverOne,
} from "../support/task-store-builders.js";
import type { OpenStore } from "./task-store.contract.js";

const INPUT = {
  mediaType: "video/mp4",
  sizeBytes: 9,
  width: 4,
  height: 3,
  durationSeconds: 1.5,
  fps: 25,
};

/** Every write of a holder but `finishCleanup`. */
const WRITES: readonly [
  string,
  (store: TaskStore, fence: Fence) => Promise<WriteResult | "busy">,
][] = [
  ["bindSlot()", (store, fence) => store.bindSlot(fence, "gpu-9#0")],
  ["releaseSlot()", (store, fence) => store.releaseSlot(fence)],
  ["recordDispatch()", (store, fence) => store.recordDispatch(fence, aDispatch("sent", "p-9"))],
  ["recordMemoryFailure()", (store, fence) => store.recordMemoryFailure(fence, aMemoryFailure())],
  ["updateStage()", (store, fence) => store.updateStage(fence, "upload", { progress: 9 }, 99)],
  ["recordInput()", (store, fence) => store.recordInput(fence, INPUT)],
  ["recordNotes()", (store, fence) => store.recordNotes(fence, ["Page 1 of 2 was used"])],
  ["recordUpload()", (store, fence) => store.recordUpload(fence, { part: 9 })],
  ["settle() completed", (store, fence) => store.settle(fence, COMPLETED)],
  ["settle() failed", (store, fence) => store.settle(fence, FAILED)],
  ["settle() retry", (store, fence) => store.settle(fence, aRetry())],
  ["settle() handed back", (store, fence) => store.settle(fence, { kind: "handed_back" })],
];

/** What a holder writes, and what becomes of it when it no longer holds the task. */
export function describeHolding(open: OpenStore): void {
  describe("every write of a holder", () => {
    test("is ok, also after the lease has run out", async () => {
      await using fixture = await open();
      for (const [name, write] of WRITES) {
        const { fence } = await leaseOne(fixture.store, { leaseMs: BRIEF_MS });
        await fixture.advance(SHORT_MS);
        expect([name, await write(fixture.store, fence)]).toEqual([name, "ok"]);
        await fixture.store.cancel(fence.taskId);
      }
    });

    test.each<[WriteResult, string, (store: TaskStore, fence: Fence) => Promise<unknown>]>([
      ["lost", "was taken over", (store) => takeOverOne(store)],
      ["lost", "was put back", (store, fence) => store.settle(fence, aRetry({ delayMs: 60_000 }))],
      ["terminal", "has completed", (store, fence) => store.settle(fence, COMPLETED)],
      ["terminal", "has failed", (store, fence) => store.settle(fence, FAILED)],
      ["canceled", "was canceled", (store, fence) => store.cancel(fence.taskId)],
    ])("is %s and changes nothing when the task %s", async (answer, _case, end) => {
      await using fixture = await open();
      const { store, rival } = fixture;
      for (const [index, [name, write]] of WRITES.entries()) {
        const { fence } = await leaseOne(store, { leaseMs: BRIEF_MS });
        await store.bindSlot(fence, `gpu-1#${index}`);
        await fixture.advance(SHORT_MS);
        await end(rival, fence);
        const before = await readTask(store, fence.taskId);
        expect([name, await write(store, fence)]).toEqual([name, answer]);
        expect(await readTask(store, fence.taskId)).toEqual(before);
      }
    });

    test("is lost for a task not stored and for an epoch that is not the task's", async () => {
      await using fixture = await open();
      const { fence } = await leaseOne(fixture.store);
      for (const stranger of [
        { ...fence, taskId: "0".repeat(32) },
        { ...fence, epoch: 0 },
        { ...fence, epoch: 2 },
      ]) {
        for (const [name, write] of WRITES) {
          expect([name, await write(fixture.store, stranger)]).toEqual([name, "lost"]);
        }
      }
    });
  });

  describe("bindSlot()", () => {
    test("gives a slot to one of ten who ask at once and says busy to the others", async () => {
      await using fixture = await open();
      const { store, rival } = fixture;
      const fences: Fence[] = [];
      for (let i = 0; i < 10; i++) fences.push((await leaseOne(store)).fence);
      const answers = await Promise.all(
        fences.map((fence, i) => (i % 2 ? store : rival).bindSlot(fence, "gpu-1#0")),
      );
      expect(answers.toSorted()).toEqual([...Array(9).fill("busy"), "ok"]);
      const winner = fences[answers.indexOf("ok")];
      expect(await heldSlots(rival)).toEqual([{ slot: "gpu-1#0", taskId: winner?.taskId }]);
    });

    test("may be repeated, changes the slot, and puts the attempt on its server", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const { fence } = await leaseOne(store);
      const { fence: other } = await leaseOne(store);
      for (const slot of ["gpu-1#0", "gpu-1#0", "http://[::1]:8188/#a#12"]) {
        expect(await store.bindSlot(fence, slot)).toBe("ok");
      }
      expect(await readTask(store, fence.taskId)).toMatchObject({
        slot: "http://[::1]:8188/#a#12",
        attempts: [{ server: "http://[::1]:8188/#a" }],
      });
      expect(await store.bindSlot(other, "gpu-1#0")).toBe("ok");
      expect(await store.bindSlot(fence, "gpu-1#0")).toBe("busy");
      expect((await readTask(store, fence.taskId)).slot).toBe("http://[::1]:8188/#a#12");
    });
  });

  test("bindSlot() writes the prompt that will be sent in the same step, and none where the slot is busy", async () => {
    await using fixture = await open();
    const { store } = fixture;
    const { task, fence } = await leaseOne(store);
    const { fence: other } = await leaseOne(store);
    const intent = aDispatch("intent");
    expect(await store.bindSlot(fence, "gpu-1#0", undefined, intent)).toBe("ok");
    const bound = await readTask(store, task.taskId);
    expect(bound).toMatchObject({ rev: task.rev + 1, slot: "gpu-1#0", dispatch: intent });
    expect(await store.bindSlot(other, "gpu-1#0", undefined, intent)).toBe("busy");
    expect(await readTask(store, other.taskId)).not.toHaveProperty("dispatch");
    expect(await store.bindSlot(fence, "gpu-1#1")).toBe("ok");
    expect((await readTask(store, task.taskId)).dispatch).toEqual(bound.dispatch);
  });

  describe("releaseSlot()", () => {
    test("frees the slot for another task and may be repeated", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const { fence } = await leaseOne(store);
      const { fence: other } = await leaseOne(store);
      await store.bindSlot(fence, "gpu-1#0");
      expect(await store.releaseSlot(fence)).toBe("ok");
      expect(await store.releaseSlot(fence)).toBe("ok");
      expect(await heldSlots(store)).toEqual([]);
      expect(await store.bindSlot(other, "gpu-1#0")).toBe("ok");
      expect((await readTask(store, fence.taskId)).attempts).toMatchObject([{ server: "gpu-1" }]);
    });

    test("forgets an unsent prompt and the server of its attempt only where it is told so", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const { fence } = await leaseOne(store);
      await store.bindSlot(fence, "gpu-1#0", undefined, aDispatch("intent"));
      expect(await store.releaseSlot(fence)).toBe("ok");
      const kept = await readTask(store, fence.taskId);
      expect(kept).toMatchObject({
        dispatch: aDispatch("intent"),
        attempts: [{ server: "gpu-1" }],
      });
      expect(await store.releaseSlot(fence, "unsent")).toBe("ok");
      const unsent = await readTask(store, fence.taskId);
      expect(unsent).not.toHaveProperty("dispatch");
      expect(unsent.attempts).toHaveLength(1);
      expect(unsent.attempts[0]).not.toHaveProperty("server");
      await store.bindSlot(fence, "gpu-1#0");
      await store.recordDispatch(fence, aDispatch("sent"));
      expect(await store.releaseSlot(fence, "unsent")).toBe("ok");
      const sent = await readTask(store, fence.taskId);
      expect(sent).toMatchObject({ dispatch: aDispatch("sent") });
    });
  });

  describe("recordDispatch()", () => {
    test("replaces what was known and tells when it was written", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const { fence } = await leaseOne(store);
      await store.recordDispatch(fence, { ...aDispatch("intent"), lowMemory: true });
      const intent = (await readTask(store, fence.taskId)).dispatch;
      expect(intent).toEqual({ ...aDispatch("intent"), lowMemory: true, at: intent?.at });
      await fixture.advance(5);
      await store.recordDispatch(fence, aDispatch("done"));
      const done = (await readTask(store, fence.taskId)).dispatch;
      expect(done).toEqual({ ...aDispatch("done"), at: done?.at });
      expect(done?.at.getTime()).toBeGreaterThan(intent?.at.getTime() ?? Infinity);
      await store.recordDispatch(fence, aDispatch("intent", "prompt-2"));
      const second = (await readTask(store, fence.taskId)).dispatch;
      expect(second).toEqual({ ...aDispatch("intent", "prompt-2"), at: second?.at });
    });

    test("makes the variant of a prompt that a server took the task's, for good", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const { fence } = await leaseOne(store);
      const { rev } = await readTask(store, fence.taskId);
      await store.recordDispatch(fence, { ...aDispatch("intent"), variant: "native" });
      const asked = await readTask(store, fence.taskId);
      expect(asked).toMatchObject({ rev, dispatch: { variant: "native" } });
      expect(asked).not.toHaveProperty("variant");
      await store.recordDispatch(fence, { ...aDispatch("sent"), variant: "native" });
      const taken = await readTask(store, fence.taskId);
      expect(taken).toMatchObject({ variant: "native", dispatch: { variant: "native" } });
      expect(taken.rev).toBeGreaterThan(rev);
      await store.settle(fence, aRetry({ dropDispatch: true }));
      const again = await store.lease(aLease());
      expect(again?.variant).toBe("native");
      await store.settle({ ...fence, epoch: again?.epoch ?? 0 }, COMPLETED);
      expect((await readTask(store, fence.taskId)).variant).toBe("native");
    });
  });

  describe("news that goes along", () => {
    const ended = { status: "success", progress: 100, durationMs: 7 } as const;
    const news = {
      stages: [{ name: "download", patch: ended, progress: 5 }],
      ...{ input: INPUT, notes: ["Page 1 of 2 was used"] },
    } as const;

    test("is written in one step with what it goes along with", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const { task, fence } = await leaseOne(store);
      await store.bindSlot(fence, "gpu-1#0", news);
      expect(await readTask(store, task.taskId)).toMatchObject({
        ...{ rev: task.rev + 1, slot: "gpu-1#0", progress: 5, input: INPUT, notes: news.notes },
        stages: { download: aStage(ended) },
      });
      const stages = [{ name: "process", patch: ended }] as const;
      await store.recordDispatch(fence, aDispatch("done"), { stages, notes: [], freesSlot: true });
      const done = await readTask(store, task.taskId);
      expect(done).toMatchObject({ stages: { process: ended }, dispatch: { phase: "done" } });
      expect(done).not.toHaveProperty("slot");
      await store.settle(fence, COMPLETED, {
        ...{ stages: [{ name: "upload", patch: ended }], notes: [] },
      });
      const { rev, stages: settled } = await readTask(store, task.taskId);
      expect([rev, settled.upload]).toEqual([done.rev + 1, aStage(ended)]);
    });

    test("is not written where the write is refused", async () => {
      await using fixture = await open();
      const { store, rival } = fixture;
      await store.bindSlot((await leaseOne(store)).fence, "gpu-1#0");
      const { task, fence } = await leaseOne(store);
      expect(await store.bindSlot(fence, "gpu-1#0", news)).toBe("busy");
      const stale = { ...fence, epoch: fence.epoch - 1 };
      expect(await rival.settle(stale, COMPLETED, news)).toBe("lost");
      expect(await readTask(store, task.taskId)).toEqual(task);
    });
  });

  describe("updateStage()", () => {
    test("begins a stage and changes only the fields given", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const { fence } = await leaseOne(store);
      await store.updateStage(fence, "download", { detail: "Starting download..." });
      await store.updateStage(fence, "download", { progress: 40 }, 4);
      await store.updateStage(fence, "process", { status: "failed", durationMs: 7 });
      expect(await readTask(store, fence.taskId)).toMatchObject({
        progress: 4,
        stages: {
          download: aStage({ detail: "Starting download...", progress: 40 }),
          process: aStage({ status: "failed", durationMs: 7 }),
        },
      });
    });

    test("never moves progress back nor out of 0 to 100", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const { fence } = await leaseOne(store);
      for (const progress of [50, 20, Number.NaN, -5, 0]) {
        await store.updateStage(fence, "process", { progress }, progress);
      }
      const half = await readTask(store, fence.taskId);
      expect([half.stages.process?.progress, half.progress]).toEqual([50, 50]);
      await store.updateStage(fence, "process", { progress: 1e9, status: "success" }, Infinity);
      await store.updateStage(fence, "process", { progress: 3, detail: "late" });
      const full = await readTask(store, fence.taskId);
      expect(full.stages.process).toEqual(
        aStage({ status: "success", progress: 100, detail: "late" }),
      );
      expect(full.progress).toBe(100);
    });

    test("begins a stage anew that has ended, but not the task's progress", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const { fence } = await leaseOne(store);
      const ended = aStage({ status: "success", progress: 100, durationMs: 5, detail: "Done" });
      await store.updateStage(fence, "process", ended, 80);
      await store.updateStage(fence, "process", { status: "running", progress: 3 }, 10);
      const task = await readTask(store, fence.taskId);
      expect(task.stages.process).toEqual(aStage({ progress: 3 }));
      expect(task.progress).toBe(80);
    });

    test("sets takeovers back when a stage succeeds", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const { fence } = await leaseOne(store, { leaseMs: BRIEF_MS });
      await store.updateStage(fence, "download", { status: "running" });
      await fixture.advance(SHORT_MS);
      const taken = await takeOverOne(store);
      await store.updateStage(fenceOf(taken), "download", { progress: 50 });
      expect((await readTask(store, fence.taskId)).takeovers).toBe(1);
      await store.updateStage(fenceOf(taken), "download", { status: "success" });
      expect((await readTask(store, fence.taskId)).takeovers).toBe(0);
    });

    test("clears the running node when the process stage ends", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const { fence } = await leaseOne(store);
      await store.updateStage(fence, "process", { status: "running" });
      await store.heartbeat("replica-1", LONG_LEASE_MS, [{ ...fence, runningNode: "KSampler" }]);
      await store.updateStage(fence, "process", { progress: 10 });
      expect((await readTask(store, fence.taskId)).runningNode).toBe("KSampler");
      await store.updateStage(fence, "process", { status: "success" });
      expect(await readTask(store, fence.taskId)).not.toHaveProperty("runningNode");
    });
  });

  describe("recordInput() and recordUpload()", () => {
    test("keep what they are given", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const { fence } = await leaseOne(store);
      const checkpoint = { "upload.id": "$x", parts: [1, null] };
      await store.recordInput(fence, INPUT);
      await store.recordUpload(fence, { first: true });
      await store.recordUpload(fence, checkpoint);
      const task = await readTask(store, fence.taskId);
      expect(task.input).toEqual(INPUT);
      expect(JSON.stringify(task.uploadCheckpoint)).toBe(JSON.stringify(checkpoint));
    });
  });

  describe("recordNotes()", () => {
    test("adds each note once, a few short ones at most", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const { task, fence } = await leaseOne(store);
      expect(task).not.toHaveProperty("notes");
      await store.recordNotes(fence, ["Page 1 of 2 was used"]);
      await store.recordNotes(fence, ["Page 1 of 2 was used", "x".repeat(300)]);
      const notes = ["Page 1 of 2 was used", "x".repeat(200)];
      expect((await readTask(store, fence.taskId)).notes).toEqual(notes);
      await store.recordNotes(fence, [..."abcdefghi"]);
      await store.settle(fence, { kind: "failed", error: { code: "INTERNAL", message: "m" } });
      expect((await readTask(store, fence.taskId)).notes).toEqual([...notes, ..."abcdef"]);
    });
  });

  describe("recordMemoryFailure()", () => {
    test("adds each prompt once, and whoever holds the task next knows of all", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const { task, fence } = await leaseOne(store);
      expect(task).not.toHaveProperty("memoryFailures");
      const memory = { deviceBytes: 25_438_126_080, machineBytes: 64 };
      const failures = [
        aMemoryFailure(),
        aMemoryFailure({ promptId: "prompt-2", lowMemory: true, memory }),
      ];
      for (const failure of [...failures, aMemoryFailure({ server: "gpu-2" })])
        expect(await store.recordMemoryFailure(fence, failure)).toBe("ok");
      await store.settle(fence, aRetry({ spends: "takeover", dropDispatch: true }));
      expect((await store.lease(aLease()))?.memoryFailures).toEqual(failures);
    });
  });

  describe("heartbeat()", () => {
    test("extends the leases of all tasks reported, from now", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const { fence } = await leaseOne(store, { leaseMs: BRIEF_MS });
      const { fence: other } = await leaseOne(store, { leaseMs: BRIEF_MS });
      const answer = await store.heartbeat("replica-1", LONG_LEASE_MS, [fence, other]);
      expect(answer).toEqual({ lost: [], canceled: [] });
      await fixture.advance(SHORT_MS);
      expect(await store.leaseOrphan("replica-2", LONG_LEASE_MS)).toBeUndefined();
      expect((await readTask(store, fence.taskId)).lease?.owner).toBe("replica-1");
    });

    test("revives a lease that has run out if nobody has taken the task over", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const { fence } = await leaseOne(store, { leaseMs: BRIEF_MS });
      await fixture.advance(SHORT_MS);
      expect((await store.heartbeat("replica-1", LONG_LEASE_MS, [fence])).lost).toEqual([]);
      expect(await store.leaseOrphan("replica-2", LONG_LEASE_MS)).toBeUndefined();
    });

    test("and a takeover of a lease that has run out: one of them wins, never both", async () => {
      await using fixture = await open();
      const { store, rival } = fixture;
      const held: Fence[] = [];
      for (let count = 0; count < 8; count += 1)
        held.push((await leaseOne(store, { leaseMs: BRIEF_MS })).fence);
      await fixture.advance(SHORT_MS);
      const [{ lost }, ...taken] = await Promise.all([
        store.heartbeat("replica-1", LONG_LEASE_MS, held),
        ...held.map(() => rival.leaseOrphan("replica-2", LONG_LEASE_MS)),
      ]);
      const takenIds = taken.flatMap((task) => task?.taskId ?? []);
      expect(lost.map(({ taskId }) => taskId).sort()).toEqual(takenIds.sort());
    });

    test("records progress, which never goes back, of stages that run", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const { fence } = await leaseOne(store);
      const beat = (progress: number, detail?: string) =>
        store.heartbeat("replica-1", LONG_LEASE_MS, [
          { ...fence, progress, stage: { name: "process", progress, ...(detail && { detail }) } },
        ]);
      await beat(30, "Step 3");
      await beat(20);
      expect(await readTask(store, fence.taskId)).toMatchObject({
        progress: 30,
        stages: { process: aStage({ progress: 30, detail: "Step 3" }) },
      });
      await store.updateStage(fence, "process", { status: "success", detail: "Done" });
      await beat(60, "Step 6");
      expect(await readTask(store, fence.taskId)).toMatchObject({
        progress: 60,
        stages: { process: aStage({ status: "success", progress: 30, detail: "Done" }) },
      });
    });

    test("names the tasks lost and those canceled, and renews the others", async () => {
      await using fixture = await open();
      const { store, rival } = fixture;
      const { fence: takenOver } = await leaseOne(store, { leaseMs: BRIEF_MS });
      const { fence: settled } = await leaseOne(store);
      const { fence: putBack } = await leaseOne(store);
      const { fence: canceled } = await leaseOne(store);
      await fixture.advance(SHORT_MS);
      await takeOverOne(rival);
      await store.settle(settled, COMPLETED);
      await store.settle(putBack, aRetry({ delayMs: 60_000 }));
      await rival.cancel(canceled.taskId);
      const { fence: held } = await leaseOne(store, { leaseMs: BRIEF_MS });
      const stranger = { taskId: "0".repeat(32), epoch: 1 };
      const reports = [takenOver, settled, putBack, canceled, held, stranger].map((fence) => ({
        ...fence,
        progress: 77,
      }));
      const before = await readTask(store, takenOver.taskId);
      const answer = await store.heartbeat("replica-1", LONG_LEASE_MS, reports);
      expect(answer.lost).toEqual([takenOver, settled, putBack, stranger]);
      expect(answer.canceled).toEqual([canceled]);
      expect(await readTask(store, takenOver.taskId)).toEqual(before);
      expect((await readTask(store, canceled.taskId)).progress).toBe(0);
      await fixture.advance(SHORT_MS);
      expect(await store.leaseOrphan("replica-2", LONG_LEASE_MS)).toBeUndefined();
    });
  });
}
