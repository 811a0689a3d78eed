import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { FileSource } from "../../../src/input/file-source.js";
import type { InputSource } from "../../../src/input/input-source.js";
import { createAddressGuard } from "../../../src/net/address-guard.js";
import { downloadStage, noteReady, resumeInput } from "../../../src/pipeline/download-stage.js";
import { WorkDir } from "../../../src/pipeline/work-dir.js";
import type { HeldTask } from "../../../src/scheduler/lease/held-task.js";
import { openEmbeddedStore } from "../../../src/store/embedded/open-embedded-store.js";
import { holdOne } from "../../support/held-task.js";
import { aPicture } from "../../support/pictures.js";
import { tempDir } from "../../support/temp-dir.js";
import { tiffOf } from "../../support/tiffs.js";

/** Runs the stage of a held task over a file, whose fetching calls `onFetched` at its end. */
async function download(content: Buffer, onFetched = (_heldTask: HeldTask): void => undefined) {
  const directory = await tempDir();
  await writeFile(join(directory, "picture"), content);
  const store = await openEmbeddedStore({ directory: await tempDir() });
  onTestFinished(() => store[Symbol.asyncDispose]());
  const heldTask = await holdOne(store);
  const workDir = new WorkDir(await tempDir());
  const files = new FileSource({ directory, maxBytes: 1_000_000 });
  const source: InputSource = {
    scheme: files.scheme,
    brokenRule: (url) => files.brokenRule(url),
    fetch: async (request) => {
      const fetched = await files.fetch(request);
      onFetched(heldTask);
      return fetched;
    },
  };
  const context = {
    download: { guard: createAddressGuard({ allow: [] }) },
    sources: [source],
    limits: { maxPixels: 1_000_000 },
  };
  const url = pathToFileURL(join(directory, "picture")).href;
  const task = { ...heldTask.task, params: { url }, type: "image" as const };
  const run = async () => await downloadStage(task, workDir, context, heldTask);
  return { run, workDir, readTask: async () => await store.get(heldTask.taskId) };
}

test("an input is not looked into any more once its task was let go", async () => {
  const { run } = await download(await aPicture(), (heldTask) => heldTask.end("canceled"));
  await expect(run()).rejects.toThrow("canceled");
});

test("what was done to an input beyond the request is told once, however often it is fetched", async () => {
  const page = { width: 16, height: 8, value: 50 };
  const { run, readTask } = await download(tiffOf([page, page]));
  const { name, facts } = await run();
  expect(name).toMatch(/\.png$/);
  expect(facts).toMatchObject({ mediaType: "image/png", width: 16 });
  await run();
  const task = await readTask();
  expect(task?.notes).toEqual(["Page 1 of 2 was used"]);
  expect(task?.input).toEqual(facts);
});

test("a plain input has no notes", async () => {
  const { run, readTask } = await download(await aPicture());
  await run();
  expect(await readTask()).not.toHaveProperty("notes");
});

test.each([
  { status: "running", isTold: true },
  { status: "success", isTold: false },
] as const)(
  "an input that is left where the download is stored as $status is told of: $isTold",
  async ({ status, isTold }) => {
    const { run, workDir } = await download(await aPicture());
    const ready = await run();
    await noteReady(ready, workDir);
    const { facts } = ready;
    const store = await openEmbeddedStore({ directory: await tempDir() });
    onTestFinished(() => store[Symbol.asyncDispose]());
    const heldTask = await holdOne(store);
    const stages = { download: { status, progress: 0, durationMs: 0, detail: "" } };
    expect((await resumeInput({ stages }, workDir, heldTask))?.facts).toEqual(facts);
    await heldTask.flush();
    const task = await store.get(heldTask.taskId);
    expect(task?.input).toEqual(isTold ? facts : undefined);
    expect(task?.stages.download?.status === "success").toBe(isTold);
  },
);
