import { describe, expect, onTestFinished, test } from "vitest";
import type { Task, TaskStatus } from "../../../src/domain/task.js";
import { openEmbeddedStore } from "../../../src/store/embedded/open-embedded-store.js";
import type { TaskStore } from "../../../src/store/task-store.js";
import type { TaskNews } from "../../../src/store/watch/many/task-news.js";
import { TasksWatcher } from "../../../src/store/watch/many/tasks-watcher.js";
import type { WatchedTasks } from "../../../src/store/watch/many/watched-tasks.js";
import { eventually } from "../../support/eventually.js";
import { COMPLETED, createMany, createOne, leaseOne } from "../../support/task-store-builders.js";
import { tempDir } from "../../support/temp-dir.js";

async function open(directory?: string): Promise<{ store: TaskStore; watcher: TasksWatcher }> {
  const store = await openEmbeddedStore({ directory: directory ?? (await tempDir()) });
  const watcher = new TasksWatcher(store);
  onTestFinished(async () => {
    watcher[Symbol.dispose]();
    await store[Symbol.asyncDispose]();
  });
  return { store, watcher };
}

/** A reader that reads at once whatever is told. */
class Reader {
  readonly news: TaskNews[] = [];
  readonly #stop = new AbortController();
  readonly #ended: Promise<void>;

  constructor(watcher: TasksWatcher, watched: WatchedTasks = {}, cursor?: string) {
    this.#ended = (async () => {
      for await (const each of watcher.watch(watched, cursor, this.#stop.signal))
        this.news.push(each);
    })();
    this.#ended.catch(() => undefined);
  }

  /** What was told, in short. */
  get lines(): string[] {
    return this.news.map(({ followed, gone }) => `${followed.status}${gone ? " gone" : ""}`);
  }

  linesOf(taskId: string): string[] {
    return this.lines.filter((_line, index) => this.news[index]?.followed.taskId === taskId);
  }

  get cursor(): string | undefined {
    return this.news.at(-1)?.cursor;
  }

  async stop(): Promise<unknown> {
    this.#stop.abort("stopped");
    return await this.fault();
  }

  /** What ended it. */
  async fault(): Promise<unknown> {
    return await this.#ended.catch((error: unknown) => error);
  }
}

const only = (...statuses: TaskStatus[]): WatchedTasks => ({ statuses: new Set(statuses) });

describe("TasksWatcher", () => {
  test("tells what is there, the newest first, and then what changes", async () => {
    const { store, watcher } = await open();
    const tasks: Task[] = [];
    while (tasks.length < 120) tasks.push(await createOne(store, { workflow: "other" }));
    const reader = new Reader(watcher);
    await eventually(() => reader.news.length === tasks.length);
    const order = reader.news.map(({ followed }) => followed.taskId);
    expect(order).toEqual(tasks.map(({ taskId }) => taskId).toReversed());
    const { fence } = await leaseOne(store);
    await eventually(() => reader.lines.at(-1) === "processing");
    await store.settle(fence, COMPLETED);
    await eventually(() => reader.lines.at(-1) === "completed");
    expect(reader.news.at(-1)?.followed).toEqual(await store.get(fence.taskId));
    expect(await reader.stop()).toBe("stopped");
  });

  test("tells once that a task left the filter, and of none that was never in it", async () => {
    const { store, watcher } = await open();
    const { fence } = await leaseOne(store);
    const other = await createOne(store, { workflow: "other" });
    const reader = new Reader(watcher, only("processing"));
    const waiting = new Reader(watcher, only("pending"));
    await eventually(() => reader.news.length === 1 && waiting.news.length === 1);
    await store.updateStage(fence, "download", { progress: 50 });
    await eventually(() => reader.news.length === 2);
    await store.cancel(other.taskId);
    const brief = await createOne(store, { workflow: "other" });
    await store.cancel(brief.taskId);
    await store.settle(fence, COMPLETED);
    await eventually(() => reader.news.length === 3 && waiting.news.length >= 2);
    await store.deleteEnded([fence.taskId]);
    const last = await createOne(store);
    await eventually(() => waiting.linesOf(last.taskId).length === 1);
    expect(reader.lines).toEqual(["processing", "processing", "completed gone"]);
    expect(waiting.linesOf(other.taskId)).toEqual(["pending", "canceled gone"]);
    expect(waiting.linesOf(fence.taskId)).toEqual([]);
    expect(waiting.linesOf(brief.taskId)).not.toEqual(["canceled gone"]);
  });

  test("tells once that a task was deleted, to those alone who watched it", async () => {
    const { store, watcher } = await open();
    const labels = { job: "a" };
    const { taskId } = await createOne(store, { labels });
    await store.cancel(taskId);
    const readers = [{}, { labels: [["job", "a"]] as const }, { ids: new Set([taskId]) }].map(
      (watched) => new Reader(watcher, watched),
    );
    const others = [{ labels: [["job", "b"]] as const }, only("failed")].map(
      (watched) => new Reader(watcher, watched),
    );
    await eventually(() => readers.every(({ news }) => news.length === 1));
    await store.deleteEnded([taskId]);
    await eventually(() => readers.every(({ news }) => news.length === 2));
    for (const { lines } of readers) expect(lines).toEqual(["canceled", "canceled gone"]);
    for (const { lines } of others) expect(lines).toEqual([]);
  });

  test("tells the newest state alone where several came in a turn", async () => {
    const { store, watcher } = await open();
    const reader = new Reader(watcher);
    const { fence } = await leaseOne(store);
    for (let progress = 1; progress <= 100; progress++)
      await store.updateStage(fence, "download", { progress });
    await store.settle(fence, COMPLETED);
    await eventually(() => reader.lines.at(-1) === "completed");
    expect(reader.news.length).toBeLessThan(50);
    const revs = reader.news.map(({ followed }) => ("rev" in followed ? followed.rev : 0));
    expect(revs).toEqual([...new Set(revs)].toSorted((a, b) => a - b));
  });

  test("goes on behind every cursor without a gap, after a restart of the store too", async () => {
    const directory = await tempDir();
    const cursors: string[] = [];
    const ids: string[] = [];
    let before: Map<string, string> | undefined;
    {
      await using store = await openEmbeddedStore({ directory });
      using watcher = new TasksWatcher(store);
      for (const { taskId } of await createMany(store, 60)) ids.push(taskId);
      const reader = new Reader(watcher);
      await eventually(() => reader.news.length === 60);
      for (const taskId of ids.slice(0, 20)) await store.cancel(taskId);
      await eventually(() => reader.news.length === 80);
      cursors.push(...reader.news.map(({ cursor }) => cursor));
      before = stateOf(reader.news);
      await reader.stop();
      // What nobody is told of.
      for (const taskId of ids.slice(20, 30)) await store.cancel(taskId);
      await store.deleteEnded(ids.slice(0, 5));
      ids.push((await createOne(store)).taskId);
    }
    const { store, watcher } = await open(directory);
    const now = new Map(
      (await store.list({ pageSize: 500 })).tasks.map((t) => [t.taskId, t.status]),
    );
    expect(before?.size).toBe(60);
    for (const at of [0, 1, 30, 58, 59, 60, 70, 79]) {
      const known = before60(cursors, at, ids);
      const reader = new Reader(watcher, {}, cursors[at]);
      await eventually(() => {
        const state = new Map([...known, ...stateOf(reader.news)]);
        for (const [taskId, status] of [...state]) if (status === "gone") state.delete(taskId);
        expect(state).toEqual(now);
      });
      await reader.stop();
    }
  });

  test("lets a slow reader miss states in between, but no task, and keeps nothing for it", async () => {
    const { store, watcher } = await open();
    const stop = new AbortController();
    const slow = watcher.watch({}, undefined, stop.signal);
    await createOne(store);
    const first = await slow.next();
    expect(first.value?.followed.status).toBe("pending");
    const tasks = await createMany(store, 1_500);
    const quick = new Reader(watcher);
    await eventually(() => quick.news.length >= tasks.length);
    for (const { taskId } of tasks.slice(0, 100)) await store.cancel(taskId);
    await eventually(() => quick.lines.filter((line) => line === "canceled").length === 100);
    const seen = new Map<string, string>();
    while (
      seen.size < tasks.length ||
      [...seen.values()].filter((s) => s === "canceled").length < 100
    ) {
      const { value } = await slow.next();
      if (value) seen.set(value.followed.taskId, value.followed.status);
    }
    expect([...seen.keys()]).toEqual(expect.arrayContaining(tasks.map(({ taskId }) => taskId)));
    stop.abort();
    await slow.return();
  });

  test("refuses the cursor of another store, and one that is none", async () => {
    const [one, other] = [await open(), await open()];
    await createOne(one.store);
    const reader = new Reader(one.watcher);
    await eventually(() => reader.cursor !== undefined);
    for (const cursor of [reader.cursor, "x", ""]) {
      const refused = new Reader(other.watcher, {}, cursor);
      expect(await refused.fault()).toMatchObject({ code: "CURSOR_EXPIRED" });
    }
  });

  test("ends streams that are open when it is disposed", async () => {
    const { store, watcher } = await open();
    const reader = new Reader(watcher);
    await createOne(store);
    await eventually(() => reader.news.length === 1);
    watcher[Symbol.dispose]();
    expect(await reader.fault()).toMatchObject({ code: "SHUTTING_DOWN" });
  });
});

/** What a reader knows who was told this. */
function stateOf(news: readonly TaskNews[]): Map<string, string> {
  return new Map(
    news.map(({ followed, gone }) => [followed.taskId, gone ? "gone" : followed.status]),
  );
}

/** What a reader knew at the message: the newest first, then those canceled. */
function before60(cursors: readonly string[], at: number, ids: readonly string[]) {
  const shown = ids
    .slice(0, 60)
    .toReversed()
    .slice(0, Math.min(at + 1, 60));
  const known = new Map(shown.map((taskId) => [taskId, "pending"]));
  for (let index = 60; index <= at && index < cursors.length; index++)
    known.set(ids[index - 60] ?? "", "canceled");
  return known;
}
