import { describe, expect, test } from "vitest";
import type { Json } from "../../src/domain/task.js";
import { purge } from "../support/purge.js";
import {
  AMPLE_MS,
  aLease,
  aTask,
  BRIEF_MS,
  COMPLETED,
  createOne,
  fenceOf,
  LONG_LEASE_MS,
  leaseOne,
  readTask,
  SHORT_MS,
} from "../support/task-store-builders.js";
import type { OpenStore } from "./task-store.contract.js";

const IDEMPOTENT = { key: "key-1", requestHash: "hash-1" };

/** JSON that a careless store would change. */
const AWKWARD: Json = JSON.parse(`{
  "$set": {"a.b": 1, "$where": null}, "": "", ".": [], "a.b.c": {}, "__proto__": {"x": 1},
  "unicode": "\\u0000 \\u2028 é 漢字 👩‍🚀 \\ufeff", "nested": [null, [true, {"deep": [0, -1.5, 1e300]}]],
  "big": 9007199254740991, "text": "2024-01-01T00:00:00.000Z", "constructor": null
}`);

export function describeCreating(open: OpenStore): void {
  describe("createTogether()", () => {
    const keyed = (key: string, requestHash = "hash") =>
      aTask({ idempotency: { key, requestHash } });

    test("stores all in their order", async () => {
      await using fixture = await open();
      const { store, rival } = fixture;
      const requests = [aTask({ priority: 2 }), aTask({ labels: { a: "b" } }), aTask()];
      const result = await store.createTogether(requests);
      if (result.outcome !== "created") throw new Error(result.outcome);
      const ids = result.tasks.map(({ taskId }) => taskId);
      expect(ids).toEqual([...ids].sort());
      expect(result.tasks.map(({ priority, labels }) => [priority, labels])).toEqual([
        [2, undefined],
        [1, { a: "b" }],
        [1, undefined],
      ]);
      for (const task of result.tasks) expect(await readTask(rival, task.taskId)).toEqual(task);
      expect((await rival.counts()).pending).toBe(3);
    });

    test("answers keys that were used with their tasks, and stores the others", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const former = await store.create(keyed("a"));
      const first = await store.createTogether([keyed("a"), keyed("b")]);
      if (first.outcome !== "created") throw new Error(first.outcome);
      expect(first.tasks[0]?.taskId).toBe("task" in former && former.task.taskId);
      expect(await store.createTogether([keyed("a"), keyed("b")])).toEqual(first);
      expect((await store.counts()).pending).toBe(2);
    });

    test("stores none where a key belongs to another request, or they are too many", async () => {
      await using fixture = await open();
      const { store } = fixture;
      await store.create(keyed("a"));
      const conflict = await store.createTogether([aTask(), keyed("a", "other")]);
      expect(conflict).toEqual({ outcome: "conflict", index: 1 });
      expect(await store.createTogether([aTask(), aTask()], { maxPendingCount: 2 })).toEqual({
        outcome: "full",
      });
      expect((await store.counts()).pending).toBe(1);
      expect(await store.createTogether([aTask()], { maxPendingCount: 2 })).toMatchObject({
        outcome: "created",
      });
      expect(await store.createTogether([keyed("a")], { maxPendingCount: 2 })).toMatchObject({
        outcome: "created",
      });
    });
  });

  describe("create()", () => {
    test("stores a pending task that get() gives back", async () => {
      await using fixture = await open();
      const { store, rival } = fixture;
      const result = await store.create(aTask({ priority: 2 }));
      expect(result).toMatchObject({
        outcome: "created",
        task: {
          ...aTask({ priority: 2 }),
          ...{ status: "pending", rev: 1, epoch: 0, attempt: 1, takeovers: 0, attempts: [] },
          ...{ stages: {}, progress: 0, bypassCount: 0 },
        },
      });
      const task = await createOne(store);
      expect(task.dueAt).toEqual(task.createdAt);
      expect(task.updatedAt).toEqual(task.createdAt);
      expect(await rival.get(task.taskId)).toEqual(task);
    });

    test("leaves out what was left out", async () => {
      await using fixture = await open();
      const task = await createOne(fixture.store);
      const optional = ["notBefore", "finishedAt", "lease", "slot", "dispatch", "idempotencyKey"];
      expect(Object.keys(task)).not.toEqual(expect.arrayContaining(optional));
      expect(Object.values(task)).not.toContain(undefined);
      expect(Object.values(task)).not.toContain(null);
    });

    test("keeps any JSON verbatim in params and parameters", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const params = {
        ...{ url: "https://example.com/?$a.b=\u0000é", workflow: "$x.y", model: "👩‍🚀" },
        ...{ outscale: AWKWARD, outputMagnification: null, resolution: "2", target: [[]] },
      };
      const parameters = { "$a.b": AWKWARD, seed: 9007199254740991, "": null };
      const { taskId } = await createOne(store, { params, parameters });
      const task = await readTask(store, taskId);
      expect(JSON.stringify(task.params)).toBe(JSON.stringify(params));
      expect(JSON.stringify(task.parameters)).toBe(JSON.stringify(parameters));
    });

    test("is not changed by what the caller does with its objects afterwards", async () => {
      await using fixture = await open();
      const parameters = { list: [1] };
      const task = await createOne(fixture.store, { parameters });
      parameters.list.push(2);
      expect(task.parameters).toEqual({ list: [1] });
      expect((await readTask(fixture.store, task.taskId)).parameters).toEqual({ list: [1] });
    });

    test("gives every task an id of 32 hexadecimal digits, and later ones greater ids", async () => {
      await using fixture = await open();
      const ids: string[] = [];
      for (let i = 0; i < 30; i++) ids.push((await createOne(fixture.store)).taskId);
      for (const id of ids) expect(id).toMatch(/^[0-9a-f]{32}$/);
      expect(ids).toEqual([...new Set(ids)].sort());
    });

    test("answers full once that many tasks are pending, and stores nothing", async () => {
      await using fixture = await open();
      const { store } = fixture;
      await store.create(aTask({ idempotency: IDEMPOTENT }), { maxPendingCount: 2 });
      await store.create(aTask(), { maxPendingCount: 2 });
      expect(await store.create(aTask(), { maxPendingCount: 2 })).toEqual({ outcome: "full" });
      expect((await store.counts()).pending).toBe(2);
      const replay = await store.create(aTask({ idempotency: IDEMPOTENT }), { maxPendingCount: 2 });
      expect(replay.outcome).toBe("replayed");
      await store.lease(aLease());
      expect((await store.create(aTask(), { maxPendingCount: 2 })).outcome).toBe("created");
    });
  });

  describe("create() with an idempotency key", () => {
    test("stores one task of ten requests at once and gives all the same", async () => {
      await using fixture = await open();
      const { store, rival } = fixture;
      const results = await Promise.all(
        Array.from({ length: 10 }, (_, i) =>
          (i % 2 ? store : rival).create(aTask({ idempotency: IDEMPOTENT })),
        ),
      );
      const outcomes = results.map(({ outcome }) => outcome).sort();
      expect(outcomes).toEqual(["created", ...Array(9).fill("replayed")]);
      const ids = results.map((result) => "task" in result && result.task.taskId);
      expect(new Set(ids).size).toBe(1);
      expect((await store.counts()).pending).toBe(1);
    });

    test("tells of a key what create would answer, and stores nothing for one that is free", async () => {
      await using fixture = await open();
      const { store } = fixture;
      expect(await store.replay(IDEMPOTENT)).toBeUndefined();
      const { taskId } = await createOne(store, { idempotency: IDEMPOTENT });
      expect(await store.replay(IDEMPOTENT)).toMatchObject({
        outcome: "replayed",
        task: { taskId },
      });
      expect(await store.replay({ ...IDEMPOTENT, requestHash: "another" })).toEqual({
        outcome: "conflict",
      });
      expect((await store.counts()).pending).toBe(1);
    });

    test("answers a replay with the task as it is now", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const { taskId } = await createOne(store, { idempotency: IDEMPOTENT });
      const leased = await store.lease(aLease());
      if (leased) await store.settle(fenceOf(leased), COMPLETED);
      const replay = await store.create(aTask({ idempotency: IDEMPOTENT }));
      expect(replay).toMatchObject({ outcome: "replayed", task: { taskId, status: "completed" } });
    });

    test("answers conflict for another request under the same key", async () => {
      await using fixture = await open();
      await createOne(fixture.store, { idempotency: IDEMPOTENT });
      const other = aTask({ idempotency: { ...IDEMPOTENT, requestHash: "hash-2" } });
      expect(await fixture.store.create(other)).toEqual({ outcome: "conflict" });
    });

    test("tells keys apart and keeps any string", async () => {
      await using fixture = await open();
      const keys = [
        "a",
        "A",
        "a ",
        "$a.b",
        "é漢",
        "a\u0000b",
        "a\u0000",
        "'; DROP TABLE tasks",
        '"',
      ];
      for (const key of keys) {
        const { taskId } = await createOne(fixture.store, {
          idempotency: { ...IDEMPOTENT, key },
        });
        expect((await readTask(fixture.store, taskId)).idempotencyKey).toBe(key);
      }
    });

    test("takes the key again once its task was purged", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const { taskId } = await createOne(store, { idempotency: IDEMPOTENT });
      await store.cancel(taskId);
      await fixture.advance(SHORT_MS);
      expect(await purge(store, BRIEF_MS, 10)).toBe(1);
      expect((await store.create(aTask({ idempotency: IDEMPOTENT }))).outcome).toBe("created");
    });
  });

  describe("create() with notBefore", () => {
    test("makes a task that is not leased before that time", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const { createdAt } = await createOne(store, { workflow: "clock" });
      const waitMs = fixture.isClockSteady ? BRIEF_MS : AMPLE_MS;
      const notBefore = new Date(createdAt.getTime() + waitMs);
      const task = await createOne(store, { notBefore });
      expect(task).toMatchObject({ status: "pending", notBefore, dueAt: notBefore });
      if (fixture.isClockSteady) expect(await store.lease(aLease())).toBeUndefined();
      await fixture.advance(waitMs + SHORT_MS);
      expect((await store.lease(aLease()))?.taskId).toBe(task.taskId);
    });

    test("gives a time long past no advantage", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const first = await createOne(store);
      const late = await createOne(store, { notBefore: new Date(0) });
      expect(late.notBefore).toEqual(new Date(0));
      expect(late.dueAt).toEqual(late.createdAt);
      expect((await store.lease(aLease()))?.taskId).toBe(first.taskId);
    });
  });

  describe("get()", () => {
    test("knows no task that is not stored, whatever the form of its id", async () => {
      await using fixture = await open();
      const { taskId } = await createOne(fixture.store);
      const strangers = [
        "",
        "nope",
        taskId.toUpperCase(),
        `${taskId}0`,
        "f".repeat(32),
        "a\u0000",
        "$a",
      ];
      for (const id of strangers) expect(await fixture.store.get(id)).toBeUndefined();
    });

    test("what a caller does to a task changes nothing for another", async () => {
      await using fixture = await open();
      const { task } = await leaseOne(fixture.store, { leaseMs: LONG_LEASE_MS });
      const one = await readTask(fixture.store, task.taskId);
      try {
        (one.attempts as unknown[]).push("spoiled");
      } catch (error) {
        // It is frozen.
        expect(error).toBeInstanceOf(TypeError);
      }
      expect(await readTask(fixture.store, task.taskId)).toEqual(task);
    });
  });
}
