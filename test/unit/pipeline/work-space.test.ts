import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createLogger } from "../../../src/lib/logger.js";
import { WorkSpace } from "../../../src/pipeline/work-space.js";
import { tempDir } from "../../support/temp-dir.js";

const logger = createLogger("silent");
const [FIRST, SECOND] = ["a".repeat(32), "b".repeat(32)];

test("WorkSpace.hasRoom() until the files of all tasks together reach the bound, and again below it", async () => {
  const root = await tempDir();
  for (const [task, sizeBytes] of [[FIRST, 600] as const, [SECOND, 400] as const]) {
    await mkdir(join(root, task));
    await writeFile(join(root, task, "input"), Buffer.alloc(sizeBytes));
  }
  expect(await new WorkSpace(root, 1001, logger).hasRoom()).toBe(true);
  const space = new WorkSpace(root, 1000, logger);
  expect(await space.hasRoom()).toBe(false);
  await rm(join(root, SECOND), { recursive: true });
  expect(await space.hasRoom()).toBe(true);
});

test("WorkSpace.hasRoom() before any task was begun", async () => {
  expect(await new WorkSpace(join(await tempDir(), "none"), 1, logger).hasRoom()).toBe(true);
});

test("WorkSpace.hasRoom() whatever unfinished uploads take beside the tasks", async () => {
  const root = await tempDir();
  await mkdir(join(root, "uploads"));
  await writeFile(join(root, "uploads", "unfinished"), Buffer.alloc(5_000));
  expect(await new WorkSpace(root, 1_000, logger).hasRoom()).toBe(true);
});
