import { describe, expect, onTestFinished, test } from "vitest";
import type { Task, TaskStatus } from "../../../../src/domain/task.js";
import { createTask } from "../../../../src/store/core/task-changes.js";
import { ChangeFeed } from "../../../../src/store/watch/change-feed.js";
import { TaskWatcher, watchTask } from "../../../../src/store/watch/watch-task.js";
import { eventually } from "../../../support/eventually.js";
import { aTask } from "../../../support/task-store-builders.js";

/** As much of a store as watching sees. */
class FewTasks {
  readonly tasks = new Map<string, Task>();
  readonly feed = new ChangeFeed(() => undefined);
  readCount = 0;
  subscriberCount = 0;

  set(taskId: string, rev: number, status: TaskStatus = "processing"): void {
    const task = createTask(aTask(), taskId, new Date(0));
    this.tasks.set(taskId, { ...task, rev, status });
    this.feed.publish([{ taskId, rev, status, position: String(rev) }]);
  }

  async get(taskId: string): Promise<Task | undefined> {
    this.readCount += 1;
    return this.tasks.get(taskId);
  }

  subscribe(listener: Parameters<ChangeFeed["subscribe"]>[0]): () => void {
    this.subscriberCount += 1;
    const unsubscribe = this.feed.subscribe(listener);
    return () => {
      this.subscriberCount -= 1;
      unsubscribe();
    };
  }
}

function startWatcher() {
  const store = new FewTasks();
  const watcher = new TaskWatcher(store);
  onTestFinished(() => watcher[Symbol.dispose]());
  const abort = new AbortController();
  return { store, watcher, abort, signal: abort.signal };
}

/** Collects revisions, and says how the watch ended. */
function collect(tasks: AsyncIterable<Task>) {
  const revs: number[] = [];
  const ended = (async () => {
    for await (const { rev } of tasks) revs.push(rev);
  })();
  ended.catch(() => undefined);
  return { revs, ended };
}

describe("TaskWatcher.watch()", () => {
  test("gives the stored snapshot, then each change, and ends with the terminal one", async () => {
    const { store, watcher, signal } = startWatcher();
    store.set("a", 1, "pending");
    const { revs, ended } = collect(watcher.watch("a", 0, signal));
    await eventually(() => revs.length === 1);
    store.set("b", 9);
    store.set("a", 2);
    await eventually(() => revs.length === 2);
    store.set("a", 3, "completed");
    await ended;
    expect(revs).toEqual([1, 2, 3]);
  });

  test("gives only what is newer than the revision known", async () => {
    const { store, watcher, signal } = startWatcher();
    store.set("a", 5);
    const { revs, ended } = collect(watcher.watch("a", 5, signal));
    await eventually(() => store.readCount === 1);
    store.set("a", 6, "failed");
    await ended;
    expect(revs).toEqual([6]);
  });

  test.each([0, 6, 7, 99])(
    "gives the terminal snapshot to one who knows revision %i",
    async (rev) => {
      const { store, watcher, signal } = startWatcher();
      store.set("a", 7, "canceled");
      const { revs, ended } = collect(watcher.watch("a", rev, signal));
      await ended;
      expect(revs).toEqual([7]);
    },
  );

  test("takes a revision that the task has not reached for unknown", async () => {
    const { store, watcher, signal } = startWatcher();
    store.set("a", 2);
    const { revs, ended } = collect(watcher.watch("a", 50, signal));
    await eventually(() => revs.length === 1);
    store.set("a", 3, "completed");
    await ended;
    expect(revs).toEqual([2, 3]);
  });

  test("gives a slow reader the newest snapshot only", async () => {
    const { store, watcher, signal } = startWatcher();
    store.set("a", 1);
    const snapshots = watcher.watch("a", 0, signal);
    expect((await snapshots.next()).value).toMatchObject({ rev: 1 });
    for (let rev = 2; rev <= 50; rev++) store.set("a", rev);
    expect((await snapshots.next()).value).toMatchObject({ rev: 50 });
    for (let rev = 51; rev <= 60; rev++) store.set("a", rev);
    store.set("a", 61, "completed");
    expect((await snapshots.next()).value).toMatchObject({ rev: 61 });
    expect((await snapshots.next()).done).toBe(true);
  });

  test("misses no change that falls into its first reading", async () => {
    const { store, watcher, signal } = startWatcher();
    store.set("a", 1);
    const stale = store.tasks.get("a");
    store.get = async () => {
      store.get = FewTasks.prototype.get;
      store.set("a", 2, "completed");
      return stale;
    };
    const { revs, ended } = collect(watcher.watch("a", 0, signal));
    await ended;
    expect(revs).toEqual([1, 2]);
  });

  test("throws TASK_NOT_FOUND for a task that is not stored", async () => {
    const { watcher, signal } = startWatcher();
    await expect(watcher.watch("a", 0, signal).next()).rejects.toMatchObject({
      code: "TASK_NOT_FOUND",
    });
  });

  test("ends with the signal's reason when it aborts", async () => {
    const { store, watcher, abort } = startWatcher();
    store.set("a", 1);
    const { revs, ended } = collect(watcher.watch("a", 0, abort.signal));
    await eventually(() => revs.length === 1);
    abort.abort();
    await expect(ended).rejects.toMatchObject({ name: "AbortError" });
    const late = collect(watcher.watch("a", 1, abort.signal));
    await expect(late.ended).rejects.toMatchObject({ name: "AbortError" });
  });

  test("ends with SHUTTING_DOWN when the watcher is disposed", async () => {
    const { store, watcher, signal } = startWatcher();
    store.set("a", 1);
    const { revs, ended } = collect(watcher.watch("a", 0, signal));
    await eventually(() => revs.length === 1);
    watcher[Symbol.dispose]();
    await expect(ended).rejects.toMatchObject({ code: "SHUTTING_DOWN" });
    await expect(watcher.watch("a", 0, signal).next()).rejects.toMatchObject({
      code: "SHUTTING_DOWN",
    });
    expect(store.subscriberCount).toBe(0);
  });

  test("passes a failed reading on, and reads again for the next watch", async () => {
    const { store, watcher, signal } = startWatcher();
    store.set("a", 1);
    const { revs, ended } = collect(watcher.watch("a", 0, signal));
    await eventually(() => revs.length === 1);
    store.get = async () => {
      throw new Error("No");
    };
    store.set("a", 2);
    await expect(ended).rejects.toThrow("No");
    store.get = FewTasks.prototype.get;
    expect((await watcher.watch("a", 0, signal).next()).value).toMatchObject({ rev: 2 });
  });

  test("serves ten thousand watches with one subscription and one reading a change", async () => {
    const { store, watcher } = startWatcher();
    store.set("a", 1);
    const watches = Array.from({ length: 10_000 }, () =>
      collect(watcher.watch("a", 0, new AbortController().signal)),
    );
    await eventually(() => watches.every(({ revs }) => revs.length === 1));
    expect(store.subscriberCount).toBe(1);
    store.readCount = 0;
    store.set("a", 2);
    await eventually(() => watches.every(({ revs }) => revs.length === 2));
    expect(store.readCount).toBe(1);
    store.set("a", 3, "completed");
    await Promise.all(watches.map(({ ended }) => ended));
  });
});

describe("watchTask()", () => {
  test("watches one task and leaves no subscription behind", async () => {
    const store = new FewTasks();
    store.set("a", 1);
    const { revs, ended } = collect(watchTask(store, "a", 0, new AbortController().signal));
    await eventually(() => revs.length === 1);
    store.set("a", 2, "completed");
    await ended;
    expect(revs).toEqual([1, 2]);
    expect(store.subscriberCount).toBe(0);
  });
});
