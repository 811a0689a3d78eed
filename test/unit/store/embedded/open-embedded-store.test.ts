import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { EmbeddedDriver } from "../../../../src/store/embedded/driver.js";
import { openEmbeddedStore } from "../../../../src/store/embedded/open-embedded-store.js";
import { migrate } from "../../../../src/store/embedded/schema.js";
import {
  aDispatch,
  aTask,
  createOne,
  fenceOf,
  LONG_LEASE_MS,
  leaseOne,
  readTask,
  takeOverOne,
} from "../../../support/task-store-builders.js";
import { tempDir } from "../../../support/temp-dir.js";

describe("openEmbeddedStore()", () => {
  test("makes the directory for this user alone and leaves one file when disposed", async () => {
    const directory = join(await tempDir(), "a", "store");
    const store = await openEmbeddedStore({ directory });
    await createOne(store);
    await store[Symbol.asyncDispose]();
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
    expect(await readdir(directory)).toEqual(["store.sqlite"]);
  });

  test("finds everything as it was, under the same store id", async () => {
    const directory = await tempDir();
    const store = await openEmbeddedStore({ directory });
    const idempotency = { key: "a\u0000b", requestHash: "h" };
    const task = await createOne(store, { idempotency, notBefore: new Date(1) });
    await store.saveWorkflow("v1", { a: 1 });
    const counts = await store.counts();
    await store[Symbol.asyncDispose]();
    await using reopened = await openEmbeddedStore({ directory });
    expect(reopened.storeId).toBe(store.storeId);
    expect(await reopened.get(task.taskId)).toEqual(task);
    expect(await reopened.counts()).toEqual(counts);
    expect(await reopened.loadWorkflow("v1")).toEqual({ a: 1 });
    expect(await reopened.create(aTask({ idempotency }))).toEqual({ outcome: "replayed", task });
  });

  test("voids every lease, so that held tasks and cleanups are handed out at once", async () => {
    const directory = await tempDir();
    const store = await openEmbeddedStore({ directory });
    const { fence: held } = await leaseOne(store);
    await store.bindSlot(held, "gpu-1#0");
    await store.recordDispatch(held, aDispatch("sent"));
    const { fence: canceled } = await leaseOne(store);
    await store.bindSlot(canceled, "gpu-1#1");
    await store.cancel(canceled.taskId);
    const before = await readTask(store, held.taskId);
    await store[Symbol.asyncDispose]();

    await using reopened = await openEmbeddedStore({ directory });
    expect(await reopened.nextDueInMs()).toBeUndefined();
    const first = await takeOverOne(reopened);
    expect(first).toMatchObject({
      ...{ taskId: held.taskId, epoch: 2, slot: "gpu-1#0", dispatch: before.dispatch },
    });
    expect(await takeOverOne(reopened)).toMatchObject({ taskId: canceled.taskId, epoch: 2 });
    expect(await reopened.leaseOrphan("replica-2", LONG_LEASE_MS)).toBeUndefined();
    expect(await reopened.releaseSlot(held)).toBe("lost");
    expect(await reopened.releaseSlot(fenceOf(first))).toBe("ok");
  });

  test("refuses a directory that is open already, and leaves that one working", async () => {
    const directory = await tempDir();
    await using store = await openEmbeddedStore({ directory });
    await expect(openEmbeddedStore({ directory })).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
      message: expect.stringContaining(`"${directory}"`),
    });
    await createOne(store);
  });

  test("refuses a file of a newer version, and lets go of it", async () => {
    const directory = await tempDir();
    const path = join(directory, "store.sqlite");
    const setVersion = (version: number) => {
      using driver = EmbeddedDriver.open(path);
      const before = driver.get<{ user_version: number }>("PRAGMA user_version")?.user_version ?? 0;
      driver.exec(`PRAGMA user_version = ${version}`);
      return before;
    };
    const store = await openEmbeddedStore({ directory });
    await store[Symbol.asyncDispose]();
    const newest = setVersion(99);
    await expect(openEmbeddedStore({ directory })).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
      message: expect.stringContaining(`versions up to ${newest}; start a newer service`),
    });
    expect(await readdir(directory)).toEqual(["store.sqlite"]);
    setVersion(newest);
    await using _reopened = await openEmbeddedStore({ directory });
  });
});

const CHUNK = `${"0".repeat(32)}-000000`;

describe("the schema", () => {
  const columns = "task_id, rev, epoch, status, priority, workflow, due_at, document";
  const good = `'${"0".repeat(32)}', 1, 0, 'pending', 1, 'w', 0, '{}'`;

  test.each([
    [
      "an unknown status",
      `INSERT INTO tasks (${columns}) VALUES (${good.replace("pending", "no")})`,
    ],
    [
      "a priority above 2",
      `INSERT INTO tasks (${columns}) VALUES (${good.replace("1, 'w'", "3, 'w'")})`,
    ],
    [
      "a document that is no JSON",
      `INSERT INTO tasks (${columns}) VALUES (${good.replace("{}", "{")})`,
    ],
    ["an ended task without its end", "UPDATE tasks SET status = 'completed'"],
    ["a running task without a lease", "UPDATE tasks SET status = 'processing'"],
    ["a pending task with a lease", "UPDATE tasks SET lease_owner = 'x', orphan_at = 1"],
    [
      "an ended task with a slot",
      "UPDATE tasks SET status = 'failed', finished_at = 1, slot = 'a#0'",
    ],
    [
      "a film without a holder whose chunks are still being cut",
      `UPDATE tasks SET status = 'processing', document = '{"film":{"phase":"cut"}}'`,
    ],
    [
      "a chunk without a turn",
      `INSERT INTO tasks (${columns}) VALUES (${good.replace("0".repeat(32), CHUNK)})`,
    ],
    ["a turn of a task that is no chunk", "UPDATE tasks SET turn_at = 1"],
    [
      "an id of another form",
      `INSERT INTO tasks (${columns}, turn_at) VALUES (${good.replace("0".repeat(32), `${CHUNK}0`)}, 1)`,
    ],
    ["a key without a request", "UPDATE tasks SET idempotency_key = 'k'"],
    ["a slot held twice", "UPDATE tasks SET slot = 'a#0'"],
    ["a key used twice", "UPDATE tasks SET idempotency_key = 'k', request_hash = 'h'"],
  ])("refuses %s", async (_case, sql) => {
    using driver = EmbeddedDriver.open(join(await tempDir(), "a.sqlite"));
    migrate(driver);
    migrate(driver);
    for (const digit of ["a", "b"]) {
      driver.run(
        `INSERT INTO tasks (${columns}) VALUES (${good.replace("0".repeat(32), digit.repeat(32))})`,
      );
    }
    expect(() => driver.run(sql)).toThrow("constraint failed");
  });
});
