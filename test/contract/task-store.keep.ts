import { describe, expect, test } from "vitest";
import type { Labels, Task } from "../../src/domain/task.js";
import type { ListRequest } from "../../src/store/task-reading.js";
import type { TaskStore } from "../../src/store/task-store.js";
import { purge } from "../support/purge.js";
import {
  aLease,
  aRetry,
  BRIEF_MS,
  COMPLETED,
  createMany,
  createOne,
  FAILED,
  fenceOf,
  leaseOne,
  readTask,
  SHORT_MS,
} from "../support/task-store-builders.js";
import type { OpenStore } from "./task-store.contract.js";

/** What the store keeps: lists, counts, workflows, itself. */
export function describeKeeping(open: OpenStore): void {
  describe("labels", () => {
    const ab = { "team.a": "x:y", b: "" };

    test("come back as they were given, after every change", async () => {
      await using fixture = await open();
      const { store, rival } = fixture;
      const { task, fence } = await leaseLabeled(store, ab);
      expect(task.labels).toEqual(ab);
      await store.settle(fence, COMPLETED);
      expect((await readTask(rival, task.taskId)).labels).toEqual(ab);
      expect(await createOne(store)).not.toHaveProperty("labels");
    });

    test("choose the tasks of a list: all must hold, and the status too", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const { fence } = await leaseLabeled(store, ab);
      const both = await createOne(store, { labels: ab });
      const one = await createOne(store, { labels: { b: "", "team.a": "x" } });
      await createOne(store);
      await store.settle(fence, COMPLETED);
      const listed = async (request: Omit<ListRequest, "pageSize">) =>
        (await store.list({ pageSize: 10, ...request })).tasks.map(({ taskId }) => taskId);
      const b = ["b", ""] as const;
      const team = ["team.a", "x:y"] as const;
      expect(await listed({ labels: [b] })).toEqual([one.taskId, both.taskId, fence.taskId]);
      expect(await listed({ labels: [b, team] })).toEqual([both.taskId, fence.taskId]);
      expect(await listed({ labels: [b], status: "pending" })).toEqual([one.taskId, both.taskId]);
      expect(await listed({ labels: [team, b], status: "completed" })).toEqual([fence.taskId]);
      expect(await listed({ labels: [["b", "x"]] })).toEqual([]);
    });

    test("choose the tasks that are counted, as far as they are stored", async () => {
      await using fixture = await open();
      const { store, rival } = fixture;
      const { fence } = await leaseLabeled(store, ab);
      await store.settle(fence, COMPLETED);
      await leaseLabeled(store, ab);
      await createOne(store, { labels: ab });
      const one = await createOne(store, { labels: { b: "" } });
      await createOne(store);
      await store.cancel(one.taskId);
      const none = { pending: 0, processing: 0, completed: 0, failed: 0, canceled: 0 };
      const b = ["b", ""] as const;
      const both = { ...none, pending: 1, processing: 1, completed: 1 };
      expect(await rival.counts([b])).toEqual({ ...both, canceled: 1 });
      expect(await rival.counts([b, ["team.a", "x:y"]])).toEqual(both);
      expect(await rival.counts([b, ["team.a", "x"]])).toEqual(none);
      expect(await store.deleteEnded([fence.taskId])).toBe(1);
      expect((await store.counts([b])).completed).toBe(0);
    });

    test("choose page by page", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const made: string[] = [];
      for (let index = 0; index < 3; index += 1) {
        made.unshift((await createOne(store, { labels: ab })).taskId);
        await createOne(store);
      }
      const labels = [["b", ""]] as const;
      const first = await store.list({ pageSize: 2, labels });
      expect(first.tasks.map(({ taskId }) => taskId)).toEqual(made.slice(0, 2));
      const { nextPageToken = "" } = first;
      const second = await store.list({ pageSize: 2, labels, pageToken: nextPageToken });
      expect(second.tasks.map(({ taskId }) => taskId)).toEqual(made.slice(2));
      expect(second).not.toHaveProperty("nextPageToken");
    });

    test("go with their task", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const { fence } = await leaseLabeled(store, ab);
      await store.settle(fence, COMPLETED);
      expect(await store.deleteEnded([fence.taskId])).toBe(1);
      expect((await store.list({ pageSize: 5, labels: [["b", ""]] })).tasks).toEqual([]);
    });
  });

  describe("list()", () => {
    test("gives the newest tasks first, in pages", async () => {
      await using fixture = await open();
      const { store, rival } = fixture;
      expect(await store.list({ pageSize: 3 })).toEqual({ tasks: [] });
      const created = await createMany(store, 7);
      const newestFirst = created.toReversed();
      expect(await rival.list({ pageSize: 500 })).toEqual({ tasks: newestFirst });
      expect(await listPages(store, { pageSize: 3 })).toEqual([
        newestFirst.slice(0, 3),
        newestFirst.slice(3, 6),
        newestFirst.slice(6),
      ]);
      expect(await listPages(store, { pageSize: 7 })).toEqual([newestFirst]);
    });

    test("gives those of one status", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const [a, b, c] = await createMany(store, 3);
      await store.lease(aLease());
      await store.cancel(b?.taskId ?? "");
      const pages = await listPages(store, { pageSize: 1, status: "pending" });
      expect(pages).toEqual([[c]]);
      expect(idsOf(await listPages(store, { pageSize: 5, status: "processing" }))).toEqual([
        a?.taskId,
      ]);
      expect(idsOf(await listPages(store, { pageSize: 5, status: "canceled" }))).toEqual([
        b?.taskId,
      ]);
      expect(await store.list({ pageSize: 5, status: "failed" })).toEqual({ tasks: [] });
    });

    test("shows each task once while others are added", async () => {
      await using fixture = await open();
      const { store, rival } = fixture;
      const created = await createMany(store, 6);
      const ids: string[] = [];
      let page = await store.list({ pageSize: 2 });
      for (;;) {
        ids.push(...page.tasks.map(({ taskId }) => taskId));
        if (page.nextPageToken === undefined) break;
        await createMany(rival, 2);
        page = await store.list({ pageSize: 2, pageToken: page.nextPageToken });
      }
      expect(ids).toEqual(created.toReversed().map(({ taskId }) => taskId));
    });

    test("refuses a page token that is not its own", async () => {
      await using fixture = await open();
      for (const pageToken of ["", "1", "g", "{}", "\u0000", "' OR 1 --"]) {
        await expect(fixture.store.list({ pageSize: 5, pageToken })).rejects.toMatchObject({
          code: "INVALID_REQUEST",
        });
      }
    });
  });

  describe("counts()", () => {
    test("counts every status, and the ended ones also after they were purged", async () => {
      await using fixture = await open();
      const { store, rival } = fixture;
      await createMany(store, 6);
      for (const outcome of [COMPLETED, FAILED, aRetry({ delayMs: 60_000 })]) {
        const task = await store.lease(aLease());
        if (task) await store.settle(fenceOf(task), outcome);
      }
      const canceled = await store.lease(aLease());
      await rival.cancel(canceled?.taskId ?? "");
      await store.lease(aLease());
      const counts = { pending: 2, processing: 1, completed: 1, failed: 1, canceled: 1 };
      expect(await rival.counts()).toEqual(counts);
      await fixture.advance(SHORT_MS);
      expect(await purge(store, BRIEF_MS, 10)).toBe(3);
      expect(await store.counts()).toEqual(counts);
    });
  });

  describe("saveWorkflow() and loadWorkflow()", () => {
    test("keep any content under its version, the first for good", async () => {
      await using fixture = await open();
      const { store, rival } = fixture;
      const content = { "3": { class_type: "$Load.Image", inputs: { "a.b": ["1", 0], n: null } } };
      expect(await store.loadWorkflow("v1")).toBeUndefined();
      await Promise.all([store, rival, store].map((one) => one.saveWorkflow("v1", content)));
      await store.saveWorkflow("v1", { other: true });
      await store.saveWorkflow("v2", null);
      expect(JSON.stringify(await rival.loadWorkflow("v1"))).toBe(JSON.stringify(content));
      expect(await store.loadWorkflow("v2")).toBeNull();
    });
  });

  describe("storeId", () => {
    test("is one for all clients and another in another store", async () => {
      await using fixture = await open();
      await using other = await open();
      expect(fixture.store.storeId).not.toBe("");
      expect(fixture.rival.storeId).toBe(fixture.store.storeId);
      expect(other.store.storeId).not.toBe(fixture.store.storeId);
    });
  });

  describe("disposing", () => {
    test("may be repeated, and every later call throws STORE_UNAVAILABLE", async () => {
      await using fixture = await open();
      const { store } = fixture;
      const { fence } = await leaseOne(store);
      await store[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
      const calls = [
        () => store.get(fence.taskId),
        () => store.lease(aLease()),
        () => store.settle(fence, COMPLETED),
        () => store.counts(),
      ];
      for (const call of calls) {
        await expect(call()).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
      }
    });
  });
}

async function listPages(store: TaskStore, request: ListRequest): Promise<(readonly Task[])[]> {
  const pages: (readonly Task[])[] = [];
  for (let pageToken: string | undefined; ; ) {
    const page = await store.list({ ...request, ...(pageToken && { pageToken }) });
    pages.push(page.tasks);
    pageToken = page.nextPageToken;
    if (pageToken === undefined) return pages;
  }
}

function idsOf(pages: readonly (readonly Task[])[]): string[] {
  return pages.flat().map(({ taskId }) => taskId);
}

async function leaseLabeled(store: TaskStore, labels: Labels) {
  await createOne(store, { labels });
  const task = await store.lease(aLease());
  if (task === undefined) throw new Error("Leased nothing");
  return { task, fence: fenceOf(task) };
}
