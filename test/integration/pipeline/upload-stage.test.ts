import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { OutputFile } from "../../../src/domain/task.js";
import { uploadStage } from "../../../src/pipeline/upload-stage.js";
import { WorkDir } from "../../../src/pipeline/work-dir.js";
import type { HeldTask } from "../../../src/scheduler/lease/held-task.js";
import type { ObjectStorage } from "../../../src/storage/object-storage.js";
import { openEmbeddedStore } from "../../../src/store/embedded/open-embedded-store.js";
import { startCpuServer } from "../../support/cpu-server.js";
import { holdOne } from "../../support/held-task.js";
import { openOss, PART_BYTES, randomFile, startOss } from "../../support/oss-server-fixture.js";
import { tempDir } from "../../support/temp-dir.js";
import { clientOf } from "../comfy/support.js";

async function holdTask(): Promise<HeldTask> {
  const store = await openEmbeddedStore({ directory: await tempDir() });
  onTestFinished(() => store[Symbol.asyncDispose]());
  return await holdOne(store);
}

const aFile = (filename: string): OutputFile => ({ filename, subfolder: "", type: "output" });
const unlooked = async (): Promise<void> => undefined;
const keepingGraph = (storage: ObjectStorage) => ({
  ...{ storage, keepGraph: true, checkResults: false },
});

test("what an earlier prompt of the task made is not taken for a later one's", async () => {
  await using server = await startCpuServer();
  await mkdir(join(server.dir, "output"), { recursive: true });
  for (const name of ["first", "second"])
    await writeFile(join(server.dir, "output", `${name}.txt`), name);
  const oss = await startOss();
  const [comfy, workDir] = [clientOf(server.url), new WorkDir(await tempDir())];
  const heldTask = await holdTask();
  const upload = (name: string) =>
    uploadStage(
      heldTask.taskId,
      { promptId: `prompt-of-${name}`, outputs: [aFile(`${name}.txt`)] },
      comfy,
      keepingGraph(openOss(oss)),
      workDir,
      heldTask,
      unlooked,
    );
  await upload("first");
  const [output] = await upload("second");
  expect((await oss.read(output?.key ?? "")).toString()).toBe("second");
});

test("of several results those that were stored are not sent again, and every upload that was begun is ended", async () => {
  await using server = await startCpuServer();
  await mkdir(join(server.dir, "output"), { recursive: true });
  const files = await Promise.all([3, 4].map((count) => randomFile(count * PART_BYTES)));
  const names = ["a.bin", "b.bin"];
  for (const [index, name] of names.entries())
    await copyFile(files[index]?.path ?? "", join(server.dir, "output", name));
  const oss = await startOss();
  const effect = { kind: "answer", statusCode: 503, code: "ServiceUnavailable" } as const;
  // The first result's three parts and one of the second's.
  oss.inject({ operation: "UploadPart", effect, skip: 4, times: Number.POSITIVE_INFINITY });
  const [comfy, workDir] = [clientOf(server.url), new WorkDir(await tempDir())];
  const heldTask = await holdTask();
  const ended = { promptId: "prompt-1", outputs: names.map(aFile) };
  const upload = () =>
    uploadStage(
      ...([heldTask.taskId, ended, comfy, keepingGraph(openOss(oss)), workDir, heldTask] as const),
      unlooked,
    );
  await expect(upload()).rejects.toMatchObject({ code: "UPLOAD_FAILED" });
  expect(oss.uploads.size).toBe(1);
  oss.clearFaults();
  const outputs = await upload();
  expect(oss.uploads.size).toBe(0);
  expect(oss.storedParts()).toHaveLength(3 + 4);
  expect([...oss.objects.keys()].sort()).toEqual(outputs.map(({ key }) => key).sort());
});
