import { describe, expect, test } from "vitest";
import {
  type FollowedChange,
  type FollowedTask,
  isDeleted,
} from "../../src/store/task-following.js";
import { DELETED_REV, type TaskChange } from "../../src/store/task-reading.js";
import type { TaskStore } from "../../src/store/task-store.js";
import { eventually } from "../support/eventually.js";
import {
  COMPLETED,
  createMany,
  createOne,
  leaseOne,
  readTask,
} from "../support/task-store-builders.js";
import type { OpenStore } from "./task-store.contract.js";

/** How changes are read again from where a reader was. */
export function describeFollowing(open: OpenStore): void {
  describe("changesAfter()", () => {
    test("gives each task that changed once, as it is now, whoever changed it", async () => {
      await using fixture = await open();
      const { store, rival } = fixture;
      const { fence } = await leaseOne(store);
      const position = await store.position();
      for (const progress of [10, 20]) await rival.updateStage(fence, "download", { progress });
      const later = await createOne(rival);
      await rival.settle(fence, COMPLETED);
      const changes = await readAll(store, position);
      for (const { taskId } of [fence, later]) {
        const found = changes.filter(({ followed }) => followed.taskId === taskId);
        expect(found.map(({ followed }) => followed)).toEqual([await readTask(store, taskId)]);
      }
    });

    test("leaves nothing out behind any of the positions that it gives, in pages", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const position = await store.position();
      const ids = (await createMany(store, 120)).map(({ taskId }) => taskId);
      for (const taskId of ids.slice(0, 10)) await store.cancel(taskId);
      const changes = await readAll(store, position);
      const order = changes.map(({ followed }) => followed.taskId);
      expect(order.toSorted()).toEqual(ids.toSorted());
      const [at = 0, from] = [70, changes[70]?.position ?? ""];
      const rest = (await readAll(store, from)).map(({ followed }) => followed.taskId);
      expect(rest).toEqual(expect.arrayContaining(order.slice(at + 1)));
    });

    test("gives what was deleted, with its labels, and tells of it", async () => {
      await using fixture = await open();
      const { store, rival } = fixture;
      const told: TaskChange[] = [];
      const unsubscribe = store.subscribe((change) => told.push(change));
      const { taskId } = await createOne(store, { labels: { "a.b": "c" } });
      const position = await store.position();
      await store.cancel(taskId);
      expect(await rival.deleteEnded([taskId, "0".repeat(32)])).toBe(1);
      const deleted = { taskId, status: "canceled", labels: { "a.b": "c" }, isDeleted: true };
      expect(of(await readAll(store, position), taskId)).toEqual([deleted]);
      expect(await store.follow([taskId, "0".repeat(32)])).toEqual([deleted]);
      await eventually(() => told.some((one) => one.taskId === taskId && one.rev === DELETED_REV));
      unsubscribe();
    });

    test("is possible from the position that each change is told with", async () => {
      await using fixture = await open();
      const { store, rival } = fixture;
      const told: TaskChange[] = [];
      const unsubscribe = store.subscribe((change) => told.push(change));
      const tasks = await createMany(rival, 5);
      await eventually(() => told.length >= tasks.length);
      unsubscribe();
      for (const [index, { position }] of told.entries()) {
        const rest = new Set((await readAll(store, position)).map((each) => each.followed.taskId));
        for (const { taskId } of told.slice(index + 1)) expect(rest).toContain(taskId);
      }
    });

    test.each(["", "x", "9".repeat(15), "-1"])(
      "refuses a position that is none: %j",
      async (text) => {
        await using fixture = await open();
        await expect(readAll(fixture.store, text)).rejects.toMatchObject({
          code: "CURSOR_EXPIRED",
        });
      },
    );
  });

  test("follow() gives tasks as they are", async () => {
    await using fixture = await open();
    const { store } = fixture;
    const tasks = await createMany(store, 3);
    const found = await store.follow(tasks.map(({ taskId }) => taskId));
    expect(found.toSorted(byId)).toEqual(tasks);
    expect(found.some(isDeleted)).toBe(false);
  });
}

async function readAll(store: TaskStore, position: string): Promise<FollowedChange[]> {
  const all: FollowedChange[] = [];
  for await (const page of store.changesAfter(position)) all.push(...page);
  return all;
}

function of(changes: readonly FollowedChange[], taskId: string): FollowedTask[] {
  return changes.map(({ followed }) => followed).filter((followed) => followed.taskId === taskId);
}

function byId(a: FollowedTask, b: FollowedTask): number {
  return a.taskId < b.taskId ? -1 : 1;
}
