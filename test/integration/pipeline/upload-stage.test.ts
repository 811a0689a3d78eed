import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { OutputFile } from "../../../src/domain/task.js";
import type { TaskJournal } from "../../../src/pipeline/task-journal.js";
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
const unlooked = { check: async (): Promise<void> => undefined };
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

test("control: whoever goes on by a stale checkpoint begins a second upload and leaves the first open", async () => {
  await using server = await startCpuServer();
  await mkdir(join(server.dir, "output"), { recursive: true });
  const { path } = await randomFile(3 * PART_BYTES);
  await copyFile(path, join(server.dir, "output", "a.bin"));
  const oss = await startOss();
  const effect = { kind: "answer", statusCode: 503, code: "ServiceUnavailable" } as const;
  oss.inject({ operation: "UploadPart", effect, skip: 1, times: Number.POSITIVE_INFINITY });
  const [comfy, workDir] = [clientOf(server.url), new WorkDir(await tempDir())];
  const heldTask = await holdTask();
  const upload = (journal: TaskJournal) =>
    uploadStage(
      ...([heldTask.taskId, { promptId: "prompt-1", outputs: [aFile("a.bin")] }, comfy] as const),
      ...([keepingGraph(openOss(oss)), workDir, journal, unlooked] as const),
    );
  await expect(upload(heldTask)).rejects.toMatchObject({ code: "UPLOAD_FAILED" });
  oss.clearFaults();
  const stale = new Proxy<TaskJournal>(heldTask, {
    get: (target, name) => {
      const value: unknown =
        name === "uploadCheckpoint" ? undefined : Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  await upload(stale);
  expect(oss.seen("InitiateMultipartUpload")).toHaveLength(2);
  expect(oss.uploads.size).toBe(1);
});
