import { spawnSync } from "node:child_process";
import { cp, mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { TASK_STATUSES } from "../../src/domain/task.js";
import { EmbeddedDriver } from "../../src/store/embedded/driver.js";
import { openEmbeddedStore } from "../../src/store/embedded/open-embedded-store.js";
import type { TaskStore } from "../../src/store/task-store.js";
import { heldSlots } from "../support/held-slots.js";
import { mountDisk } from "../support/small-disk.js";
import { aLease, aTask, createOne, readTask } from "../support/task-store-builders.js";
import { layOutWriter, startWriter, type WriterProcess } from "../support/task-store-process.js";
import { tempDir } from "../support/temp-dir.js";

const KILL_COUNT = 100;
const LANE_COUNT = 4;

const WATCHDOG = new URL("../../src/store/embedded/watchdog.ts", import.meta.url).href;

let writerDirectory: string;
let writerPath: string;
beforeAll(async () => {
  writerDirectory = await mkdtemp(join(tmpdir(), "tmlsr-test-"));
  writerPath = await layOutWriter(writerDirectory);
});
afterAll(() => rm(writerDirectory, { recursive: true, force: true }));

describe("an embedded store whose process is killed", () => {
  test(`keeps every acknowledged write over ${KILL_COUNT} kills`, {
    timeout: 600_000,
  }, async () => {
    const lanes = Array.from({ length: LANE_COUNT }, () => killAgainAndAgain());
    const writeCounts = await Promise.all(lanes);
    for (const count of writeCounts) expect(count).toBeGreaterThan(KILL_COUNT);
  });

  test("opens after any damage to the end of its log, without what the damage hit", async () => {
    const directory = await tempDir();
    await using store = await openEmbeddedStore({ directory });
    const ids: string[] = [];
    for (let i = 0; i < 60; i++) ids.push((await createOne(store)).taskId);
    for (let i = 0; i < 24; i++) {
      const copy = await tempDir();
      for (const name of ["store.sqlite", "store.sqlite-wal"]) {
        await cp(join(directory, name), join(copy, name));
      }
      await damageTail(join(copy, "store.sqlite-wal"), i);
      await using damaged = await openEmbeddedStore({ directory: copy });
      const { tasks } = await damaged.list({ pageSize: 500 });
      const kept = tasks.map(({ taskId }) => taskId).toReversed();
      expect(kept).toEqual(ids.slice(0, kept.length));
      expect((await damaged.counts()).pending).toBe(kept.length);
      expect(kept.length).toBeGreaterThan(30);
      await createOne(damaged);
    }
  });
});

describe("an embedded store with two processes", () => {
  test("refuses the second with a message that names the directory", async () => {
    const directory = await tempDir();
    await using store = await openEmbeddedStore({ directory });
    const second = startWriter(writerPath, directory);
    expect(await second.ended()).toBe(1);
    expect(second.acknowledged).toEqual([]);
    expect(second.complaints.join("\n")).toContain(
      `Cannot open the store in "${directory}": another process (pid ${process.pid}) has it open`,
    );
    await createOne(store);
  });

  test("does not take a frozen process for a dead one", async () => {
    const directory = await tempDir();
    const writer = startWriter(writerPath, directory);
    await writer.reach(10);
    writer.signal("SIGSTOP");
    await expect(openEmbeddedStore({ directory })).rejects.toThrow("has it open");
    writer.signal("SIGKILL");
    await writer.ended();
    await using store = await openEmbeddedStore({ directory });
    expect((await store.list({ pageSize: 1 })).tasks).toHaveLength(1);
  });
});

describe("an embedded store on a full disk", () => {
  test("says DISK_FULL, goes on reading, and writes again when there is room", async (context) => {
    const directory = await tempDir();
    if (!(await mountDisk(directory, 5))) return context.skip("mounting is not permitted here");
    const ballastPath = join(directory, "ballast");
    await writeFile(ballastPath, Buffer.alloc(1_200_000));
    const store = await openEmbeddedStore({ directory: join(directory, "store") });
    const ids: string[] = [];
    const fill = async (text: string) => {
      for (;;) ids.push((await createOne(store, { parameters: { text } })).taskId);
    };
    const isFull = {
      code: "DISK_FULL",
      message: expect.stringMatching(/^Cannot write .* disk is full$/),
    };
    await expect(fill("x".repeat(2_000))).rejects.toMatchObject(isFull);
    // Until there is no room for a small change either.
    await expect(fill("")).rejects.toMatchObject(isFull);
    await expect(store.lease(aLease())).rejects.toMatchObject(isFull);
    expect(ids.length).toBeGreaterThan(50);
    expect((await store.counts()).pending).toBe(ids.length);
    for (const id of ids) expect((await readTask(store, id)).status).toBe("pending");

    await rm(ballastPath);
    const leased = await store.lease(aLease());
    expect(leased?.taskId).toBe(ids[0]);
    expect((await store.create(aTask())).outcome).toBe("created");
    await store[Symbol.asyncDispose]();
    await using reopened = await openEmbeddedStore({ directory: join(directory, "store") });
    for (const id of ids) expect((await readTask(reopened, id)).rev).toBeGreaterThan(0);
    expect(await reopened.counts()).toMatchObject({ pending: ids.length, processing: 1 });
  });
});

describe("the watchdog of opening", () => {
  test("kills a process that hangs, and not one that came through", () => {
    const run = (afterStart: string) =>
      spawnSync(
        process.execPath,
        [
          ...["--import", "tsx", "--input-type=module", "-e"],
          `import { startWatchdog } from "${WATCHDOG}";
           const watchdog = startWatchdog({ message: "It hangs", limitMs: 300 });
           ${afterStart}
           Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3000);`,
        ],
        { encoding: "utf8" },
      );
    expect(run("")).toMatchObject({ signal: "SIGKILL", stderr: "It hangs\n" });
    expect(run("watchdog[Symbol.dispose]();")).toMatchObject({ status: 0, stderr: "" });
  });
});

/** @returns how many writes were acknowledged, all of which were found. */
async function killAgainAndAgain(): Promise<number> {
  const directory = await tempDir();
  const all: (readonly string[])[] = [];
  for (let i = 0; i < KILL_COUNT / LANE_COUNT; i++) {
    const acknowledged = await writeUntilKilled(directory);
    await using store = await openEmbeddedStore({ directory });
    for (const words of acknowledged) await expectKept(store, words);
    all.push(...acknowledged);
  }
  const leases = all.filter(([word]) => word === "leased").map((words) => words.join(" "));
  expect(leases.length, "each epoch is given once").toBe(new Set(leases).size);
  await expectConsistent(directory);
  return all.length;
}

async function writeUntilKilled(directory: string): Promise<WriterProcess["acknowledged"]> {
  const writer = startWriter(writerPath, directory);
  // Where in which write the kill comes is up to chance.
  await writer.reach(2 + Math.floor(Math.random() * 60));
  writer.signal("SIGKILL");
  await writer.ended();
  return writer.acknowledged;
}

/** What an acknowledged write may have become, in the same process, by the time of the kill. */
async function expectKept(
  store: TaskStore,
  [word = "", id = "", value]: readonly string[],
): Promise<void> {
  if (word === "opened") return;
  const task = await readTask(store, id);
  switch (word) {
    case "created":
      return;
    case "leased":
      return expect(task.epoch).toBeGreaterThanOrEqual(Number(value));
    case "bound":
      return expect(task.attempts.at(-1)?.server).toBe("gpu-1");
    case "progressed":
      return expect(task.progress).toBeGreaterThanOrEqual(Number(value));
    case "canceled":
    case "completed":
      return expect(task.status).toBe(word);
    case "cleaned":
      return expect(task).not.toHaveProperty("cleanupPending");
    default:
      throw new Error(`The writer said ${word}`);
  }
}

async function expectConsistent(directory: string): Promise<void> {
  {
    using driver = EmbeddedDriver.open(join(directory, "store.sqlite"));
    expect(driver.all("PRAGMA integrity_check")).toEqual([{ integrity_check: "ok" }]);
    const counted = driver.all<{ status: string; task_count: number }>(
      "SELECT status, count(*) AS task_count FROM tasks GROUP BY status",
    );
    const kept = driver.all<{ status: string; task_count: number }>("SELECT * FROM counts");
    for (const status of TASK_STATUSES) {
      const of = (rows: typeof kept) => rows.find((row) => row.status === status)?.task_count ?? 0;
      expect([status, of(kept)]).toEqual([status, of(counted)]);
    }
  }
  await using store = await openEmbeddedStore({ directory });
  const slots = (await heldSlots(store)).map(({ slot }) => slot);
  expect(slots).toEqual([...new Set(slots)]);
}

/** Cuts, zeroes or overwrites up to the last 9 KB of a file. */
async function damageTail(path: string, round: number): Promise<void> {
  const handle = await open(path, "r+");
  onTestFinished(() => handle.close());
  const { size } = await handle.stat();
  const from = size - 1 - Math.floor(Math.random() * 9_000);
  if (round % 3 === 0) return await handle.truncate(from);
  const junk = Buffer.alloc(Math.min(size - from, 700), round % 3 === 1 ? 0 : 0xa5);
  await handle.write(junk, 0, junk.length, from);
}
