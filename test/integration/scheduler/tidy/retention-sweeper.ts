import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { TaskError } from "../../../../src/domain/errors.js";
import type { Task } from "../../../../src/domain/task.js";
import { createLogger } from "../../../../src/lib/logger.js";
import {
  RetentionSweeper,
  type RetentionSweeperOptions,
} from "../../../../src/scheduler/tidy/retention-sweeper.js";
import type { ObjectStorage } from "../../../../src/storage/object-storage.js";
import type { TaskStore } from "../../../../src/store/task-store.js";
import { serveLocalOutputs } from "../../../support/local-outputs.js";
import { calm, openOss, startOss } from "../../../support/oss-server-fixture.js";
import { createOne, FAILED, leaseOne, readTask } from "../../../support/task-store-builders.js";
import { tempDir } from "../../../support/temp-dir.js";
import { withMethods } from "../../../support/with-methods.js";

/** Two processes' ways to the same tasks; the same object where the adapter allows but one. */
export interface Stores extends AsyncDisposable {
  readonly store: TaskStore;
  readonly rival: TaskStore;
}

/** Where objects are kept in these tests. */
const STORAGES: readonly (readonly [string, () => Promise<ObjectStorage>])[] = [
  ["local disk", async () => (await serveLocalOutputs()).storage],
  ["OSS", async () => openOss(await startOss({ listedObjectCount: 2 }))],
];

/** What becomes of ended tasks and of what is kept of them, whatever the store is made of. */
export function describeRetentionSweeps(name: string, open: () => Promise<Stores>): void {
  describe.each(STORAGES)(
    `a retention sweep with tasks in ${name} and objects on %s`,
    (_, keep) => {
      const start = async (): Promise<Swept> => {
        const stores = await open();
        onTestFinished(() => stores[Symbol.asyncDispose]());
        return new Swept(stores, await keep());
      };

      test("leaves nothing of an ended task, whatever is kept of it", async () => {
        const swept = await start();
        const completed = await swept.complete();
        const failed = await swept.fail();
        // Put by a run whose task was canceled meanwhile, so that no task names it.
        const unnamed = [`outputs/${failed.taskId}/a.png`, `outputs/${failed.taskId}/b.png`];
        const others = [`previews/${failed.taskId}/1.jpg`, `films/${failed.taskId}/0.mkv`];
        for (const key of [...unnamed, ...others, `outputs/${failed.taskId}/c.png`])
          await swept.put(key);
        await swept.sweep();
        expect(await swept.keys()).toEqual([]);
        for (const { taskId } of [completed, failed])
          expect(await swept.store.get(taskId)).toBeUndefined();
      });

      test("leaves what has not ended, waits for its cleanup, or ended not long ago", async () => {
        const swept = await start();
        const pending = await createOne(swept.store, { workflow: "other" });
        const cleaning = await swept.cleanUp();
        const running = await swept.run();
        for (const { taskId } of [pending, cleaning, running])
          await swept.put(`outputs/${taskId}/result.png`);
        await swept.put("uploads/0123456789abcdef0123456789abcdef/a.png");
        await swept.put(`outputs/${"0".repeat(32)}/of-another-service.png`);
        const before = await swept.keys();
        await swept.sweep();
        const recent = await swept.complete();
        await swept.sweep({ retentionMs: 3_600_000 });
        const [result] = recent.outputs ?? [];
        expect(await swept.keys()).toEqual([...before, result?.key].toSorted());
        for (const { taskId } of [pending, cleaning, running, recent])
          expect(await swept.store.get(taskId)).toBeDefined();
      });

      test("leaves the results where they are to be kept", async () => {
        const swept = await start();
        const { taskId } = await swept.complete();
        const before = await swept.keys();
        await swept.sweep({ keepOutputs: true });
        expect(await swept.store.get(taskId)).toBeUndefined();
        expect(await swept.keys()).toEqual(before);
        expect(before).toHaveLength(1);
      });

      test("is done by one of two processes, and does no harm where both do it", async () => {
        const swept = await start();
        for (let count = 0; count < 6; count += 1) await swept.complete();
        const removed: string[] = [];
        const storage = withMethods(swept.storage, {
          remove: async (key, signal) => {
            removed.push(key);
            await swept.storage.remove(key, signal);
          },
        });
        const { store, rival } = swept;
        await Promise.all([swept.sweep({ storage }), swept.sweep({ storage, store: rival })]);
        expect(removed).toHaveLength(6);
        for (let count = 0; count < 6; count += 1) await swept.complete();
        const unleased = [store, rival].map((one) =>
          withMethods(one, { leaseDuty: async () => true }),
        );
        await Promise.all(unleased.map((one) => swept.sweep({ storage, store: one })));
        expect(await swept.keys()).toEqual([]);
        expect((await store.list({ pageSize: 50 })).tasks).toEqual([]);
        expect((await store.counts()).completed).toBe(12);
      });

      test("goes on where another ended between the objects and the task", async () => {
        const swept = await start();
        const { taskId } = await swept.complete();
        const dying = withMethods(swept.store, {
          deleteEnded: async () => {
            throw new TaskError("STORE_UNAVAILABLE", "Gone");
          },
        });
        await expect(swept.sweep({ store: dying })).rejects.toMatchObject({
          code: "STORE_UNAVAILABLE",
        });
        expect(await swept.keys()).toEqual([]);
        expect(await readTask(swept.store, taskId)).toMatchObject({ status: "completed" });
        await swept.sweep({ store: swept.rival });
        expect(await swept.store.get(taskId)).toBeUndefined();
      });

      test("keeps a task whose objects cannot be removed, and deletes those behind it", async () => {
        const swept = await start();
        const stubborn = await swept.complete();
        for (let count = 0; count < 3; count += 1) await swept.complete();
        const [stuck = ""] = await swept.keys();
        const sweeper = swept.sweeper({
          storage: withMethods(swept.storage, {
            remove: async (key, signal) => {
              if (key === stuck) throw new TaskError("STORAGE_REFUSED", `Cannot remove "${key}"`);
              await swept.storage.remove(key, signal);
            },
          }),
        });
        await expect(sweeper.sweep(calm())).rejects.toMatchObject({ code: "STORAGE_REFUSED" });
        expect(await swept.keys()).toEqual([stuck]);
        const { tasks } = await swept.store.list({ pageSize: 50 });
        expect(tasks.map(({ taskId }) => taskId)).toEqual([stubborn.taskId]);
      });
    },
  );

  describe(`a retention sweep with tasks in ${name}`, () => {
    test("keeps everything while OSS refuses to delete, asks a few times, and deletes it once it may", async () => {
      const server = await startOss();
      await using stores = await open();
      const swept = new Swept(stores, openOss(server));
      for (let count = 0; count < 18; count += 1) await swept.complete();
      server.set({ denied: ["oss:DeleteObject"] });
      const sweeper = swept.sweeper();
      await expect(sweeper.sweep(calm())).rejects.toMatchObject({ code: "STORAGE_REFUSED" });
      expect(server.seen("DeleteObject").length).toBeLessThan(15);
      expect(await swept.keys()).toHaveLength(18);
      expect((await swept.store.list({ pageSize: 50 })).tasks).toHaveLength(18);
      server.set({ denied: [] });
      await sweeper.sweep(calm());
      expect(await swept.keys()).toEqual([]);
      expect((await swept.store.list({ pageSize: 50 })).tasks).toEqual([]);
    });

    test("deletes more than a page of tasks, and tries each once", async () => {
      await using stores = await open();
      const swept = new Swept(stores, (await serveLocalOutputs()).storage);
      const stubborn = await swept.complete();
      let tryCount = 0;
      const storage = withMethods(swept.storage, {
        remove: async () => {
          tryCount += 1;
          throw new TaskError("UPLOAD_FAILED", "Out of reach");
        },
      });
      const end = async () => await swept.store.cancel((await createOne(swept.store)).taskId);
      for (let count = 0; count < 120; count += 12)
        await Promise.all(Array.from({ length: 12 }, end));
      await expect(swept.sweep({ storage })).rejects.toMatchObject({ code: "UPLOAD_FAILED" });
      expect((await swept.store.list({ pageSize: 200 })).tasks).toEqual([stubborn]);
      expect(tryCount).toBe(1);
    });

    test("begins nothing once it is stopped", async () => {
      await using stores = await open();
      const swept = new Swept(stores, (await serveLocalOutputs()).storage);
      const { taskId } = await swept.complete();
      for (const keepOutputs of [true, false])
        await swept.sweeper({ keepOutputs }).sweep(AbortSignal.abort());
      expect(await swept.keys()).toHaveLength(1);
      expect(await swept.store.get(taskId)).toBeDefined();
    });
  });
}

/** Tasks with what is kept of them, and sweepers that find every ended one expired. */
class Swept {
  readonly store: TaskStore;
  readonly rival: TaskStore;
  readonly storage: ObjectStorage;

  constructor({ store, rival }: Stores, storage: ObjectStorage) {
    this.store = store;
    this.rival = rival;
    this.storage = storage;
  }

  async put(key: string): Promise<void> {
    const path = join(await tempDir(), "object");
    await writeFile(path, "content");
    await this.storage.put({ path, key, sizeBytes: 7, mediaType: "image/png" }, { signal: calm() });
  }

  /** A completed task with its result. */
  async complete(): Promise<Task> {
    const { task, fence } = await leaseOne(this.store);
    const key = `outputs/${task.taskId}/result.png`;
    await this.put(key);
    const output = { key, sizeBytes: 7, mediaType: "image/png", fileName: "result.png" };
    await this.store.settle(fence, { kind: "completed", outputs: [output] });
    return await readTask(this.store, task.taskId);
  }

  async fail(): Promise<Task> {
    const { task, fence } = await leaseOne(this.store);
    await this.store.settle(fence, FAILED);
    return task;
  }

  async run(): Promise<Task> {
    return (await leaseOne(this.store)).task;
  }

  /** A canceled task whose server may still be at it. */
  async cleanUp(): Promise<Task> {
    const { task, fence } = await leaseOne(this.store);
    await this.store.bindSlot(fence, "gpu-1#0");
    await this.store.cancel(task.taskId);
    return task;
  }

  /** The keys of all that is kept, in order. */
  async keys(): Promise<string[]> {
    const keys: string[] = [];
    for (const folder of ["outputs/", "previews/", "films/", "uploads/"])
      for await (const { key } of this.storage.list(folder, calm())) keys.push(key);
    return keys.toSorted();
  }

  sweeper(overrides: Partial<RetentionSweeperOptions> = {}): RetentionSweeper {
    const { store, storage } = this;
    const logger = createLogger("silent");
    const options = { store, storage, logger, retentionMs: -1, keepOutputs: false };
    return new RetentionSweeper({ ...options, ...overrides });
  }

  /** Sweeps once, as a process of its own. */
  async sweep(overrides: Partial<RetentionSweeperOptions> = {}): Promise<void> {
    await this.sweeper(overrides).sweep(calm());
  }
}
