import { randomUUID } from "node:crypto";
import { mkdir, readdir, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createLogger } from "../../../src/lib/logger.js";
import { GoneReplicas } from "../../../src/pipeline/gone-replicas.js";
import { ReplicaDirectory } from "../../../src/pipeline/replica-directory.js";
import { WorkDirs } from "../../../src/pipeline/work-dir.js";
import { tempDir } from "../../support/temp-dir.js";

const logger = createLogger("silent");
/** Looks after which who showed no sign of life is gone. */
const LOOKS = 11;
const TASK_ID = "0123456789abcdef0123456789abcdef";

test("what a replica left that died is removed once it has shown no sign of life for ten looks", async () => {
  const root = await tempDir();
  const own = await openReplica(root);
  const dead = await leaveDead(root);
  const gone = new GoneReplicas(root, own.name, logger);
  await lookAgain(gone, LOOKS - 1);
  expect(await readdir(join(root, dead))).toContain(TASK_ID);
  await gone.look();
  expect(await readdir(root)).toEqual([own.name]);
});

test("a replica that lives keeps its directory, however wrong its clock is", async () => {
  const root = await tempDir();
  const own = await openReplica(root);
  const name = await leaveDead(root);
  const gone = new GoneReplicas(root, own.name, logger);
  for (let look = 0; look < 3 * LOOKS; look += 1) {
    const time = new Date(2001, 1, 1, 0, 0, look);
    await utimes(join(root, name, "alive"), time, time);
    await gone.look();
  }
  expect((await readdir(root)).toSorted()).toEqual([own.name, name].toSorted());
  await lookAgain(gone, LOOKS - 1);
  expect(await readdir(root)).toEqual([own.name]);
});

test("a process that stood still for long comes back to a directory of its own, and keeps it", async () => {
  const root = await tempDir();
  const own = await openReplica(root);
  const frozen = await openReplica(root);
  const workDir = new WorkDirs(frozen.path).open(TASK_ID);
  workDir.make();
  await writeFile(workDir.file("input"), "content");
  const gone = new GoneReplicas(root, own.name, logger);
  // A sign of life that it gave meanwhile would be one.
  await until(async () => {
    await lookAgain(gone, LOOKS);
    return !(await readdir(root)).includes(frozen.name);
  });
  await expect(writeFile(workDir.file("output"), "late")).rejects.toMatchObject({ code: "ENOENT" });
  await frozen.beat();
  expect(await readdir(frozen.path)).toEqual(["alive"]);
  new WorkDirs(frozen.path).open(TASK_ID).make();
  await lookAgain(gone, 2);
  expect(await readdir(frozen.path)).toContain(TASK_ID);
});

test("two that look at the same time, and one that died while it removed, leave nothing", async () => {
  const root = await tempDir();
  const own = await openReplica(root);
  const other = await openReplica(root);
  for (let count = 0; count < 20; count += 1) await leaveDead(root);
  await mkdir(join(root, `gone-${randomUUID()}`, TASK_ID), { recursive: true });
  const lookers = [own, other].map(({ name }) => new GoneReplicas(root, name, logger));
  for (let look = 0; look < LOOKS; look += 1) {
    await Promise.all([own.beat(), other.beat()]);
    await Promise.all(lookers.map((looker) => looker.look()));
  }
  expect((await readdir(root)).toSorted()).toEqual([own.name, other.name].toSorted());
});

test("nothing else in the directory is touched", async () => {
  const root = await tempDir();
  const own = await openReplica(root);
  const others = [TASK_ID, "uploads", "host-6008", "replica-1", "gone"];
  for (const name of others) await mkdir(join(root, name));
  await lookAgain(new GoneReplicas(root, own.name, logger), 2 * LOOKS);
  expect((await readdir(root)).toSorted()).toEqual([...others, own.name].toSorted());
});

test("a replica shows again and again that it lives, and leaves nothing when it ends", async () => {
  const root = join(await tempDir(), "work");
  const replica = await ReplicaDirectory.open(root, logger);
  const sign = async () => (await stat(join(replica.path, "alive"))).mtimeMs;
  const first = await sign();
  await until(async () => {
    await replica.beat();
    return (await sign()) > first;
  });
  new WorkDirs(replica.path).open(TASK_ID).make();
  await replica[Symbol.asyncDispose]();
  expect(await readdir(root)).toEqual([]);
});

async function openReplica(root: string): Promise<ReplicaDirectory> {
  const replica = await ReplicaDirectory.open(root, logger);
  onTestFinished(() => replica[Symbol.asyncDispose]());
  return replica;
}

/** What a killed replica leaves. @returns its name. */
async function leaveDead(root: string): Promise<string> {
  const name = `replica-${randomUUID()}`;
  await mkdir(join(root, name, TASK_ID), { recursive: true });
  await writeFile(join(root, name, TASK_ID, "input"), "content");
  await writeFile(join(root, name, "alive"), "");
  return name;
}

async function lookAgain(gone: GoneReplicas, count: number): Promise<void> {
  for (let look = 0; look < count; look += 1) await gone.look();
}

async function until(check: () => Promise<boolean>): Promise<void> {
  while (!(await check()));
}
