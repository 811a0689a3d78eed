import { describe, expect, test } from "vitest";
import type { Task } from "../../src/domain/task.js";
import type { Fence, LeaseRequest } from "../../src/store/task-queue.js";
import type { TaskStore } from "../../src/store/task-store.js";
import { aChunk, cutFilm, cutLeased, leaseChunk, leaseFilm } from "../support/film-builders.js";
import {
  aLease,
  aRetry,
  BRIEF_MS,
  COMPLETED,
  createOne,
  fenceOf,
  SHORT_MS,
} from "../support/task-store-builders.js";
import type { OpenStore } from "./task-store.contract.js";

/** Whose turn it is among films and other tasks. */
export function describeFilmOrder(open: OpenStore): void {
  describe("lease() with films", () => {
    test("lets 20 films of equal length that came together end together", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const films: Fence[] = [];
      for (let i = 0; i < 20; i++) films.push(await leaseFilm(store, { workflow: `w${i % 2}` }));
      for (const film of films) await cutLeased(store, film, 5);
      const ends = await runOn(store, 4);
      expect(ends.size).toBe(20);
      const rounds = [...ends.values()];
      expect(Math.max(...rounds) / Math.min(...rounds)).toBeLessThanOrEqual(1.5);
      // No server ever had nothing to do: 100 chunks on 4 servers.
      expect(Math.max(...rounds)).toBe(25);
    }, 240_000);

    test("does not keep a picture that comes later behind a whole film", async () => {
      await using fixture = await open();
      const { store } = fixture;
      await cutFilm(store, 40);
      await leaseChunk(store);
      await fixture.advance(5);
      const picture = await createOne(store);
      expect((await store.lease(aLease()))?.taskId).toBe(picture.taskId);
      expect(await leaseChunk(store)).toMatchObject({ chunk: { index: 1 } });
    });

    test("does not let a film starve behind what comes later and later", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const fence = await leaseFilm(store);
      const soon = [aChunk(fence.taskId, 0, { startSeconds: 0.001 })];
      const late = [aChunk(fence.taskId, 1, { startSeconds: 3600 })];
      await store.addChunks(fence, [...soon, ...late], 200);
      await fixture.advance(SHORT_MS);
      const picture = await createOne(store);
      expect(await leaseChunk(store)).toMatchObject({ chunk: { index: 0 } });
      expect((await store.lease(aLease()))?.taskId).toBe(picture.taskId);
      expect(await leaseChunk(store)).toMatchObject({ chunk: { index: 1 } });
    });

    test("gives a chunk the priority of its film", async () => {
      await using fixture = await open();
      const { store } = fixture;
      await cutFilm(store, 1, { priority: 0 });
      const urgent = await cutFilm(store, 2, { priority: 2 });
      const picture = await createOne(store);
      const turns: (string | undefined)[] = [];
      for (let i = 0; i < 4; i++) turns.push(filmOf(await store.lease(aLease())));
      expect(turns.slice(0, 3)).toEqual([urgent, urgent, picture.taskId]);
    });

    test("does not run a chunk during the pause of its retry", async () => {
      await using fixture = await open();
      const { store } = fixture;
      await cutFilm(store, 2);
      const first = await leaseChunk(store);
      await store.settle(fenceOf(first), aRetry({ delayMs: BRIEF_MS }));
      if (fixture.isClockSteady) {
        expect(await leaseChunk(store)).toMatchObject({ chunk: { index: 1 } });
        expect(await store.nextDueInMs()).toBe(BRIEF_MS);
      }
      await fixture.advance(SHORT_MS);
      expect(await leaseChunk(store)).toMatchObject({ chunk: { index: 0 } });
    });

    test("lets a task of a loaded workflow pass a chunk, and counts it", async () => {
      await using fixture = await open();
      const { store } = fixture;
      await cutFilm(store, 1);
      const loaded = await createOne(store, { workflow: "loaded" });
      const request = { workflows: ["small", "loaded"], prefer: ["loaded"], maxBypassCount: 1 };
      expect((await store.lease(aLease(request)))?.taskId).toBe(loaded.taskId);
      await createOne(store, { workflow: "loaded" });
      expect(await store.lease(aLease(request))).toMatchObject({
        chunk: { index: 0 },
        bypassCount: 1,
      });
    });
  });

  describe("maxFilmServers", () => {
    const atMost = (count: number, more: Partial<LeaseRequest> = {}) =>
      aLease({ maxFilmServers: count, ...more });

    test("passes a film over while anything else is due, of whatever priority", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const film = await cutFilm(store, 4, { priority: 2 });
      const picture = await createOne(store, { priority: 0 });
      expect(filmOf(await store.lease(atMost(1)))).toBe(film);
      expect(filmOf(await store.lease(atMost(1)))).toBe(picture.taskId);
    });

    test("leaves no server idle: without anything else due the film gets more", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const film = await cutFilm(store, 3);
      for (let i = 0; i < 3; i++) expect(filmOf(await store.lease(atMost(1)))).toBe(film);
    });

    test("shares the servers between films", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const fences = [await leaseFilm(store, { priority: 2 }), await leaseFilm(store)];
      for (const fence of fences) await cutLeased(store, fence, 3);
      const [first, second] = fences.map(({ taskId }) => taskId);
      const turns: (string | undefined)[] = [];
      for (let i = 0; i < 4; i++) turns.push(filmOf(await store.lease(atMost(2))));
      expect(turns).toEqual([first, first, second, second]);
    });
  });
}

/** Runs everything on so many servers, a chunk each at a time. @returns in which round each film ended. */
async function runOn(store: TaskStore, serverCount: number): Promise<ReadonlyMap<string, number>> {
  const ends = new Map<string, number>();
  for (let round = 1; ; round++) {
    const running = await leaseSome(store, serverCount);
    if (running.length === 0) return ends;
    for (const task of running) {
      await store.settle(fenceOf(task), COMPLETED);
      const film = await store.get(filmOf(task) ?? "");
      if (film?.film?.phase === "join") ends.set(film.taskId, round);
    }
  }
}

async function leaseSome(store: TaskStore, count: number): Promise<Task[]> {
  const tasks: Task[] = [];
  for (let i = 0; i < count; i++) {
    const task = await store.lease(aLease({ workflows: ["w0", "w1"], maxBypassCount: 0 }));
    if (task) tasks.push(task);
  }
  return tasks;
}

function filmOf(task: Task | undefined): string | undefined {
  return task?.chunk?.film ?? task?.taskId;
}
