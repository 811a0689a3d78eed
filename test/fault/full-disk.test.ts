import { randomBytes } from "node:crypto";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { expect, type TestContext, test } from "vitest";
import { startCpuServer } from "../support/cpu-server.js";
import { eventually } from "../support/eventually.js";
import { serve } from "../support/pictures.js";
import { runsByTask } from "../support/runs.js";
import { mountDisk } from "../support/small-disk.js";
import { tempDir } from "../support/temp-dir.js";
import { startTestApp } from "../support/test-app.js";

const DISK_MB = 4;
const MIB = 1024 * 1024;
const WAITING = "Waiting for the storage...";
const SWITCHES = { simulate: { steps: 2, stepMs: 5 } };

test("no room for the result where results are kept: it is stored when there is, and the GPU ran once", (context) =>
  withoutRoom(context, "outputs", DISK_MB * MIB - 50_000));

test("no room for the result where the service works: it is fetched when there is, and the GPU ran once", (context) =>
  withoutRoom(context, "work", DISK_MB * MIB - 600_000));

/** @param ballastBytes fills the disk so far that the input fits and the result does not. */
async function withoutRoom(
  { skip }: TestContext,
  folder: string,
  ballastBytes: number,
): Promise<void> {
  const dataDir = await tempDir();
  const disk = join(dataDir, folder);
  if (!(await mountDisk(disk, DISK_MB))) return skip("mounting is not permitted here");
  const ballastPath = join(disk, "ballast");
  await writeFile(ballastPath, Buffer.alloc(ballastBytes));
  await using server = await startCpuServer({ switches: SWITCHES });
  await using app = await startTestApp({ servers: [server.url], dataDir });
  const url = await serve(await noise());
  const taskId = await app.submit({ url, type: "image", workflow: "cpu_image_2x" });
  const isKept = async () =>
    (await app.rest("GET", `/tasks/${taskId}`)).body.stages.at(-1)?.detail === WAITING;
  await eventually(isKept);
  await rm(ballastPath);
  expect(await app.ended(taskId)).toMatchObject({ status: "completed" });
  expect(await runsByTask([server])).toEqual(new Map([[taskId, 1]]));
}

/** A picture of some 400 kB, whose pixels cannot be compressed. */
async function noise(): Promise<Buffer> {
  const raw = { width: 400, height: 333, channels: 3 } as const;
  return await sharp(randomBytes(raw.width * raw.height * 3), { raw })
    .png()
    .toBuffer();
}
