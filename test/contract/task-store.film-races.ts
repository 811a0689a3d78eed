import { describe, expect, test } from "vitest";
import { cutFilm, leaseChunk, leaseFilm, someChunks } from "../support/film-builders.js";
import { COMPLETED, fenceOf, LONG_LEASE_MS, readTask } from "../support/task-store-builders.js";
import type { OpenStore } from "./task-store.contract.js";

/** What several processes do with one film at the same moment. */
export function describeFilmRaces(open: OpenStore): void {
  describe("several processes and one film", () => {
    test("count every chunk once that they settle at once, and one of them is the last", async () => {
      await using fixture = await open();
      const { store, rival } = fixture;
      const film = await cutFilm(store, 6);
      const fences = [];
      for (let i = 0; i < 6; i++) fences.push(fenceOf(await leaseChunk(store)));
      const settled = fences.map((fence, index) =>
        (index % 2 === 0 ? store : rival).settle(fence, COMPLETED),
      );
      expect(new Set(await Promise.all(settled))).toEqual(new Set(["ok"]));
      expect((await readTask(rival, film)).film).toMatchObject({
        ...{ phase: "join", completedCount: 6, runningCount: 0, completedFrameCount: 600 },
      });
      const taken = await Promise.all(
        [store, rival, store, rival].map((one, index) =>
          one.leaseOrphan(`replica-${index}`, LONG_LEASE_MS),
        ),
      );
      expect(taken.filter((task) => task !== undefined)).toHaveLength(1);
    });

    test("lease different chunks at once, and the film counts them all", async () => {
      await using fixture = await open();
      const { store, rival } = fixture;
      const film = await cutFilm(store, 6);
      const both = [store, rival, store, rival];
      const leased = await Promise.all(
        both.map((one, index) => leaseChunk(one, { owner: `r-${index}` })),
      );
      expect(new Set(leased.map(({ taskId }) => taskId)).size).toBe(4);
      expect((await readTask(store, film)).film?.runningCount).toBe(4);
    });

    test("end the cutting and the last chunk at once: the film is joined all the same", async () => {
      await using fixture = await open();
      const { store, rival } = fixture;
      const fence = await leaseFilm(store);
      await store.addChunks(fence, someChunks(fence.taskId, 1), 100);
      const chunk = fenceOf(await leaseChunk(store));
      const answers = await Promise.all([
        store.settle(fence, { kind: "cut" }),
        rival.settle(chunk, COMPLETED),
      ]);
      expect(answers).toEqual(["ok", "ok"]);
      const joined = await rival.leaseOrphan("replica-2", LONG_LEASE_MS);
      expect(joined).toMatchObject({ taskId: fence.taskId, film: { phase: "join" } });
    });

    test("cancel a film and settle its last chunk at once: it is canceled, with a cleanup", async () => {
      await using fixture = await open();
      const { store, rival } = fixture;
      const film = await cutFilm(store, 1);
      const chunk = fenceOf(await leaseChunk(store));
      const [answer] = await Promise.all([store.cancel(film), rival.settle(chunk, COMPLETED)]);
      expect(answer).toBe("canceled");
      expect(await rival.leaseOrphan("replica-2", LONG_LEASE_MS)).toMatchObject({
        ...{ taskId: film, status: "canceled", cleanupPending: true },
      });
    });

    test("add chunks while others run: none is lost and none counts twice", async () => {
      await using fixture = await open();
      const { store, rival } = fixture;
      const fence = await leaseFilm(store);
      const chunks = someChunks(fence.taskId, 6);
      await store.addChunks(fence, chunks.slice(0, 2), 600);
      const running = [fenceOf(await leaseChunk(store)), fenceOf(await leaseChunk(store))];
      const answers = await Promise.all([
        store.addChunks(fence, chunks.slice(0, 4), 600),
        ...running.map((one) => rival.settle(one, COMPLETED)),
        rival.heartbeat("cutter", LONG_LEASE_MS, [fence]),
      ]);
      expect(answers.slice(0, 3)).toEqual(["ok", "ok", "ok"]);
      await store.addChunks(fence, chunks.slice(4), 600);
      expect((await readTask(store, fence.taskId)).film).toMatchObject({
        ...{ chunkCount: 6, completedCount: 2, runningCount: 0 },
      });
      expect(await store.chunks(fence.taskId)).toHaveLength(6);
    });
  });
}
