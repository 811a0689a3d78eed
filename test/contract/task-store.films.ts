import { describe, expect, test } from "vitest";
import { type Chunk, chunkId } from "../../src/domain/film.js";
import { serverOf } from "../../src/domain/server-of.js";
import type { Task } from "../../src/domain/task.js";
import type { TaskChange } from "../../src/store/task-reading.js";
import { eventually } from "../support/eventually.js";
import {
  aChunk,
  CHUNK_FRAMES,
  cutFilm,
  leaseChunk,
  leaseFilm,
  someChunks,
} from "../support/film-builders.js";
import {
  aLease,
  aMemoryFailure,
  aRetry,
  BRIEF_MS,
  COMPLETED,
  createOne,
  FAILED,
  fenceOf,
  LONG_LEASE_MS,
  readTask,
  SHORT_MS,
  takeOverOne,
} from "../support/task-store-builders.js";
import type { OpenStore } from "./task-store.contract.js";

/** Films that run as several chunks. */
export function describeFilms(open: OpenStore): void {
  describe("addChunks()", () => {
    test("stores chunks that take from the film what they do not say themselves", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const parameters = { seed: 7, quality: "high" };
      const fence = await leaseFilm(store, { priority: 2, parameters, labels: { shop: "a" } });
      const film = fence.taskId;
      const chunk = aChunk(film, 0, { skipCount: 3, beforeCount: 1, afterCount: 2, variant: "b" });
      expect(await store.addChunks(fence, [chunk], 250)).toBe("ok");
      const [stored] = await store.chunks(film);
      const { variant, ...rest } = chunk;
      expect(stored).toMatchObject({
        ...{ taskId: chunkId(film, 0), status: "pending", type: "video", priority: 2 },
        ...{ parameters, workflow: "small", workflowVersion: "v1", variant, chunk: rest },
      });
      expect(stored).not.toHaveProperty("labels");
      expect(stored).not.toHaveProperty("idempotencyKey");
      expect((await readTask(store, film)).film).toEqual({
        ...{ phase: "cut", chunkCount: 1, completedCount: 0, runningCount: 0, failedCount: 0 },
        ...{ splitCount: 0, frameCount: 250, completedFrameCount: 0 },
      });
    });

    test("leaves a chunk as it is that is stored already", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const fence = await leaseFilm(store);
      const film = fence.taskId;
      await store.addChunks(fence, someChunks(film, 2), 300);
      const again = [aChunk(film, 1, { frameCount: 50 }), aChunk(film, 2)];
      expect(await store.addChunks(fence, again, 300)).toBe("ok");
      const frames = (await store.chunks(film)).map(({ chunk }) => chunk?.frameCount);
      expect(frames).toEqual([100, 100, 100]);
      expect((await readTask(store, film)).film?.chunkCount).toBe(3);
    });

    test("refuses a gap between chunks, and chunks of a film that was cut", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const fence = await leaseFilm(store);
      const film = fence.taskId;
      await expect(store.addChunks(fence, [aChunk(film, 1)], 300)).rejects.toThrow("follow");
      expect(await store.chunks(film)).toEqual([]);
      await store.addChunks(fence, someChunks(film, 1), 100);
      await store.settle(fence, { kind: "cut" });
      await store.settle(fenceOf(await leaseChunk(store)), COMPLETED);
      const joining = fenceOf(await takeOverOne(store));
      await expect(store.addChunks(joining, [aChunk(film, 1)], 100)).rejects.toThrow("cut already");
    });

    test("answers who no longer holds the film, and stores nothing", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const fence = await leaseFilm(store);
      const { taskId: film, epoch } = fence;
      const chunks = someChunks(film, 1);
      expect(await store.addChunks({ taskId: film, epoch: epoch - 1 }, chunks, 9)).toBe("lost");
      await store.cancel(film);
      expect(await store.addChunks(fence, chunks, 9)).toBe("canceled");
      expect(await store.chunks(film)).toEqual([]);
    });

    test("is progress: kills while a film is cut add up only until the next chunk", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const { taskId: film } = await createOne(store, { type: "video" });
      const first = await store.lease(aLease({ leaseMs: BRIEF_MS }));
      if (!first) throw new Error("Nothing leased");
      await store.addChunks(fenceOf(first), [], 300);
      await fixture.advance(SHORT_MS);
      const second = await takeOverOne(store);
      expect(second.takeovers).toBe(1);
      await store.addChunks(fenceOf(second), someChunks(film, 1), 300);
      expect((await readTask(store, film)).takeovers).toBe(0);
    });
  });

  describe("a chunk", () => {
    test("is no client's: nothing that answers clients knows it", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const told: TaskChange[] = [];
      store.subscribe((change) => told.push(change));
      const film = await cutFilm(store, 3);
      await fixture.advance(SHORT_MS);
      const chunk = await leaseChunk(store);
      expect(await store.get(chunk.taskId)).toBeUndefined();
      expect((await store.getUnit(chunk.taskId))?.taskId).toBe(chunk.taskId);
      expect(await store.follow([chunk.taskId])).toEqual([]);
      expect((await store.getUnit(film))?.taskId).toBe(film);
      expect(await store.cancel(chunk.taskId)).toBe("not_found");
      expect(await store.counts()).toMatchObject({ pending: 0, processing: 1 });
      expect(await store.queueAgeMs()).toBe(0);
      for (const filter of [{}, { status: "pending" }, { status: "processing" }] as const) {
        const { tasks } = await store.list({ pageSize: 10, ...filter });
        expect(tasks.map(({ taskId }) => taskId)).toEqual(
          filter.status === "pending" ? [] : [film],
        );
      }
      await expect(store.list({ pageSize: 1, pageToken: chunk.taskId })).rejects.toThrow();
      await eventually(async () => told.at(-1)?.rev === (await readTask(store, film)).rev);
      expect(new Set(told.map(({ taskId }) => taskId))).toEqual(new Set([film]));
    });

    test("tells which server ran all of its chunks, and none where several did", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const serversOf = async (slots: readonly string[]) => {
        const film = await cutFilm(store, slots.length);
        const servers: (string | undefined)[] = [];
        for (const slot of slots) {
          const fence = fenceOf(await leaseChunk(store));
          expect(await store.bindSlot(fence, slot)).toBe("ok");
          expect(await store.settle(fence, COMPLETED)).toBe("ok");
          servers.push(serverOf(await readTask(store, film)));
        }
        return servers;
      };
      expect(await serversOf(["gpu-1#0", "gpu-1#1"])).toEqual([undefined, "gpu-1"]);
      expect(await serversOf(["gpu-1#0", "gpu-2#0"])).toEqual([undefined, undefined]);
    });

    test("is leased, held and settled like any task", async () => {
      await using fixture = await open();
      const { store } = fixture;
      await cutFilm(store, 2);
      const chunk = await leaseChunk(store);
      const fence = fenceOf(chunk);
      expect(chunk).toMatchObject({
        status: "processing",
        epoch: 1,
        lease: { owner: "replica-1" },
      });
      expect(await store.bindSlot(fence, "gpu-1#0")).toBe("ok");
      const other = fenceOf(await leaseChunk(store));
      expect(await store.bindSlot(other, "gpu-1#0")).toBe("busy");
      expect(await store.settle(fence, aRetry({ keepSlot: true }))).toBe("ok");
      expect((await leaseChunk(store)).taskId).toBe(fence.taskId);
      expect(await store.settle(fence, COMPLETED)).toBe("lost");
    });

    test("is an orphan when its lease has expired", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const film = await cutFilm(store, 1);
      await store.lease(aLease({ leaseMs: BRIEF_MS }));
      await fixture.advance(SHORT_MS);
      expect(await takeOverOne(store)).toMatchObject({ taskId: chunkId(film, 0), epoch: 2 });
      expect((await readTask(store, film)).film?.runningCount).toBe(1);
    });
  });

  describe("a film of several chunks", () => {
    test("waits for them without a lease, shown as processing", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const film = await cutFilm(store, 2);
      const task = await readTask(store, film);
      expect(task).toMatchObject({ status: "processing", film: { phase: "render" } });
      expect(task).not.toHaveProperty("lease");
      expect(task.attempts).toHaveLength(1);
      expect(task.attempts[0]).not.toHaveProperty("endedAt");
      expect(await store.leaseOrphan("replica-2", LONG_LEASE_MS)).toBeUndefined();
    });

    test("follows its chunks from lease to end", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const film = await cutFilm(store, 2);
      const state = async () => (await readTask(store, film)).film;
      const fence = fenceOf(await leaseChunk(store));
      expect(await state()).toMatchObject({ runningCount: 1 });
      expect(await state()).not.toHaveProperty("processBeganAt");
      await store.settle(fence, { kind: "handed_back" });
      expect(await state()).toMatchObject({ runningCount: 0 });
      const again = fenceOf(await leaseChunk(store));
      await store.updateStage(again, "process", { status: "running" });
      const began = await readTask(store, film);
      expect(began.film?.processBeganAt).toEqual(began.updatedAt);
      expect(began.stages.process).toMatchObject({ status: "running", durationMs: 0 });
      await store.settle(again, COMPLETED);
      expect(await state()).toMatchObject({
        ...{ phase: "render", runningCount: 0, completedCount: 1 },
        ...{ completedFrameCount: CHUNK_FRAMES, processBeganAt: began.film?.processBeganAt },
      });
    });

    test("shows progress by frames, parts of running chunks included", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const film = await cutFilm(store, 4);
      const first = await beginChunk(await leaseChunk(store));
      await store.settle(fenceOf(first), COMPLETED);
      expect((await readTask(store, film)).stages.process?.progress).toBe(25);
      const second = await beginChunk(await leaseChunk(store));
      const report = { ...fenceOf(second), progress: 50 };
      await store.heartbeat("replica-1", LONG_LEASE_MS, [report]);
      const shown = await readTask(store, film);
      expect(shown.stages.process?.progress).toBe(37.5);
      expect(shown.progress).toBe(36.9);
      await store.settle(fenceOf(second), { kind: "handed_back" });
      expect((await readTask(store, film)).progress).toBe(36.9);

      async function beginChunk(chunk: Task): Promise<Task> {
        await store.updateStage(fenceOf(chunk), "process", { status: "running" });
        return chunk;
      }
    });

    test("is given out to be joined once the last chunk has completed", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const film = await cutFilm(store, 2);
      const [first, second] = [await leaseChunk(store), await leaseChunk(store)];
      await store.updateStage(fenceOf(first), "process", { status: "running" });
      await store.settle(fenceOf(second), COMPLETED);
      expect(await store.leaseOrphan("replica-2", LONG_LEASE_MS)).toBeUndefined();
      await fixture.advance(SHORT_MS);
      await store.settle(fenceOf(first), COMPLETED);
      const ended = await readTask(store, film);
      expect(ended.film).toMatchObject({ phase: "join", completedCount: 2, runningCount: 0 });
      const durationMs =
        ended.updatedAt.getTime() - (ended.film?.processBeganAt ?? new Date(0)).getTime();
      expect(ended.stages.process).toMatchObject({ status: "success", progress: 100, durationMs });
      const taken = await store.leaseOrphan("replica-2", LONG_LEASE_MS, "with_prompt");
      expect(taken).toMatchObject({ taskId: film, takeovers: 0, epoch: ended.epoch + 1 });
      expect(taken?.attempts).toHaveLength(1);
    });

    test("may have completed all chunks before it was cut to its end", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const fence = await leaseFilm(store);
      await store.addChunks(fence, someChunks(fence.taskId, 1), CHUNK_FRAMES);
      await store.settle(fenceOf(await leaseChunk(store)), COMPLETED);
      expect((await readTask(store, fence.taskId)).film?.phase).toBe("cut");
      await store.settle(fence, { kind: "cut" });
      expect((await takeOverOne(store)).film?.phase).toBe("join");
    });

    test("whose join is handed back or put off waits to be joined again, not for a server", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const film = await cutFilm(store, 1);
      await store.settle(fenceOf(await leaseChunk(store)), COMPLETED);
      await store.settle(fenceOf(await takeOverOne(store)), { kind: "handed_back" });
      expect((await readTask(store, film)).status).toBe("processing");
      const again = await takeOverOne(store);
      expect(again.attempts.map(({ reason }) => reason)).toEqual(["handed_back", undefined]);
      await store.settle(fenceOf(again), aRetry({ delayMs: BRIEF_MS }));
      if (fixture.isClockSteady)
        expect(await store.leaseOrphan("replica-2", LONG_LEASE_MS)).toBeUndefined();
      await fixture.advance(SHORT_MS);
      expect(await takeOverOne(store)).toMatchObject({ taskId: film, attempt: 2 });
    });

    test("that is completed keeps its cleanup until somebody has done it", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const film = await cutFilm(store, 1);
      await store.settle(fenceOf(await leaseChunk(store)), COMPLETED);
      await store.settle(fenceOf(await takeOverOne(store)), COMPLETED);
      const completed = await readTask(store, film);
      expect(completed).toMatchObject({ status: "completed", cleanupPending: true });
      await fixture.advance(SHORT_MS);
      expect(await store.listExpired(BRIEF_MS, 10)).toEqual([]);
      const taken = await store.leaseOrphan("replica-2", LONG_LEASE_MS, "with_prompt");
      expect(taken).toMatchObject({ taskId: film, rev: completed.rev });
      const fence = fenceOf(taken ?? completed);
      const beat = await store.heartbeat("replica-2", LONG_LEASE_MS, [fence]);
      expect(beat).toEqual({ lost: [], canceled: [fence] });
      expect(await store.finishCleanup(fence)).toBe("ok");
      const cleaned = await readTask(store, film);
      for (const field of ["cleanupPending", "lease"]) expect(cleaned).not.toHaveProperty(field);
      expect(await store.leaseOrphan("replica-2", LONG_LEASE_MS)).toBeUndefined();
    });

    test("is deleted with its chunks", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const film = await cutFilm(store, 2);
      for (let i = 0; i < 2; i++) await store.settle(fenceOf(await leaseChunk(store)), COMPLETED);
      await store.settle(fenceOf(await takeOverOne(store)), COMPLETED);
      expect(await store.deleteEnded([film, chunkId(film, 0)])).toBe(0);
      await store.finishCleanup(fenceOf(await takeOverOne(store)));
      await fixture.advance(SHORT_MS);
      expect((await store.listExpired(BRIEF_MS, 10)).map(({ taskId }) => taskId)).toEqual([film]);
      expect(await store.deleteEnded([chunkId(film, 0)])).toBe(0);
      expect(await store.deleteEnded([film])).toBe(1);
      expect(await store.chunks(film)).toEqual([]);
      expect(await store.counts()).toMatchObject({ completed: 1, pending: 0, processing: 0 });
    });
  });

  describe("splitChunk()", () => {
    test("makes two chunks of one, which begin anew", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const film = await cutFilm(store, 2);
      const task = await leaseChunk(store);
      await store.bindSlot(fenceOf(task), "gpu-1#0");
      await store.recordMemoryFailure(fenceOf(task), aMemoryFailure());
      const [first, second] = halves(film);
      expect(await store.splitChunk(fenceOf(task), first, second)).toBe("ok");
      const chunks = await store.chunks(film);
      expect(chunks.map(({ chunk }) => [chunk?.firstFrame, chunk?.frameCount])).toEqual([
        ...[
          [0, 50],
          [50, 50],
          [100, 100],
        ],
      ]);
      expect(chunks[0]).toMatchObject({ status: "pending", takeovers: 0, stages: {}, progress: 0 });
      for (const field of ["slot", "lease", "memoryFailures"])
        expect(chunks[0]).not.toHaveProperty(field);
      expect((await readTask(store, film)).film).toMatchObject({
        ...{ chunkCount: 3, splitCount: 1, runningCount: 0 },
      });
      const turns = [];
      for (let i = 0; i < 3; i++) turns.push((await leaseChunk(store)).chunk?.firstFrame);
      expect(turns).toEqual([0, 50, 100]);
    });

    test("leaves room for the chunks that are still to be cut", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const fence = await leaseFilm(store);
      const film = fence.taskId;
      await store.addChunks(fence, someChunks(film, 1), 200);
      await store.splitChunk(fenceOf(await leaseChunk(store)), ...halves(film));
      await store.addChunks(fence, someChunks(film, 2), 200);
      await store.settle(fence, { kind: "cut" });
      expect((await store.chunks(film)).map(({ chunk }) => chunk?.firstFrame)).toEqual([
        0, 50, 100,
      ]);
      for (let i = 0; i < 3; i++) await store.settle(fenceOf(await leaseChunk(store)), COMPLETED);
      expect((await takeOverOne(store)).film).toMatchObject({ completedFrameCount: 200 });
    });

    test("does nothing once the film has ended, or another holds the chunk", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const film = await cutFilm(store, 1);
      const task = await leaseChunk(store);
      const [first, second] = halves(film);
      const stale = { ...fenceOf(task), epoch: 0 };
      expect(await store.splitChunk(stale, first, second)).toBe("lost");
      await store.cancel(film);
      expect(await store.splitChunk(fenceOf(task), first, second)).toBe("canceled");
      expect(await store.chunks(film)).toHaveLength(1);
    });
  });

  describe("a film that ends early", () => {
    test("fails with the first chunk that fails, and says where", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const film = await cutFilm(store, 3);
      await store.settle(fenceOf(await leaseChunk(store)), COMPLETED);
      const [second, third] = [await leaseChunk(store), await leaseChunk(store)];
      await store.settle(fenceOf(second), FAILED);
      const failed = await readTask(store, film);
      expect(failed).toMatchObject({
        ...{ status: "failed", cleanupPending: true, finishedAt: failed.updatedAt },
        error: { code: "INPUT_DAMAGED" },
        film: { failedCount: 1, completedCount: 1, runningCount: 0 },
        attempts: [{ reason: "INPUT_DAMAGED", endedAt: failed.finishedAt }],
      });
      expect(failed.error?.message).toBe(
        "Cannot process frames 100 to 199, 4.00 s to 8.00 s: Cannot read the input",
      );
      await store.settle(fenceOf(third), COMPLETED);
      expect((await readTask(store, film)).rev).toBe(failed.rev);
    });

    test("fails once: chunks that fail after it are canceled with it", async () => {
      await using fixture = await open();
      const { store, rival } = fixture;
      const film = await cutFilm(store, 3);
      const held = [];
      for (let i = 0; i < 3; i++) held.push(fenceOf(await leaseChunk(store)));
      const answers = await Promise.all(
        held.map((fence, index) => (index === 1 ? rival : store).settle(fence, FAILED)),
      );
      expect(answers.sort()).toEqual(["canceled", "canceled", "ok"]);
      expect((await readTask(store, film)).film).toMatchObject({ failedCount: 1, runningCount: 0 });
      const ends = (await store.chunks(film)).map(({ status }) => status);
      expect(ends.sort()).toEqual(["canceled", "canceled", "failed"]);
      expect(await store.endChunks(film, 10)).toBe(0);
    });

    test("leaves the cleanup to its holder while it is being cut", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const fence = await leaseFilm(store);
      await store.addChunks(fence, someChunks(fence.taskId, 1), 300);
      await store.settle(fenceOf(await leaseChunk(store)), FAILED);
      expect(await store.leaseOrphan("replica-2", LONG_LEASE_MS)).toBeUndefined();
      expect(await store.addChunks(fence, [aChunk(fence.taskId, 1)], 300)).toBe("terminal");
      const beat = await store.heartbeat("cutter", LONG_LEASE_MS, [fence]);
      expect(beat).toEqual({ lost: [], canceled: [fence] });
      expect(await store.finishCleanup(fence)).toBe("ok");
    });

    test("has its chunks ended, a few at a time, and waits for those that still run", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const film = await cutFilm(store, 4);
      const running = await leaseChunk(store);
      await store.bindSlot(fenceOf(running), "gpu-1#0");
      expect(await store.endChunks(film, 10)).toBe(4);
      expect(await store.cancel(film)).toBe("canceled");
      const taken = await store.leaseOrphan("replica-2", LONG_LEASE_MS, "with_prompt");
      expect(taken).toMatchObject({ taskId: film, status: "canceled" });
      expect(await store.endChunks(film, 2)).toBeGreaterThanOrEqual(2);
      expect(await store.endChunks(film, 10)).toBe(1);
      expect(await store.lease(aLease())).toBeUndefined();
      const beat = await store.heartbeat("replica-1", LONG_LEASE_MS, [fenceOf(running)]);
      expect(beat.canceled).toEqual([fenceOf(running)]);
      expect(await store.finishCleanup(fenceOf(running))).toBe("ok");
      expect(await store.endChunks(film, 10)).toBe(0);
      expect(await store.counts()).toMatchObject({ canceled: 1, pending: 0, processing: 0 });
    });

    test("without a chunk has a cleanup all the same once it was begun", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const fence = await leaseFilm(store);
      await store.addChunks(fence, [], 300);
      await store.settle(fence, FAILED);
      expect(await takeOverOne(store)).toMatchObject({ taskId: fence.taskId, status: "failed" });
    });
  });
}

/** The first chunk of a film in two. */
function halves(film: string): [Chunk, Omit<Chunk, "index">] {
  const whole = aChunk(film, 0);
  const half = { ...whole, frameCount: 50, durationSeconds: 2 };
  return [half, { ...half, firstFrame: 50, startSeconds: 2, skipCount: 50 }];
}
