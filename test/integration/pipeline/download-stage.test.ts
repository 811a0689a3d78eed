import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { FileSource } from "../../../src/input/file-source.js";
import { createAddressGuard } from "../../../src/net/address-guard.js";
import { downloadStage, findInput } from "../../../src/pipeline/download-stage.js";
import { WorkDir } from "../../../src/pipeline/work-dir.js";
import { openEmbeddedStore } from "../../../src/store/embedded/open-embedded-store.js";
import { holdOne } from "../../support/held-task.js";
import { aPicture } from "../../support/pictures.js";
import { tempDir } from "../../support/temp-dir.js";

test("an input is not looked into any more once its task was let go", async () => {
  const directory = await tempDir();
  await writeFile(join(directory, "picture.png"), await aPicture());
  const store = await openEmbeddedStore({ directory: await tempDir() });
  onTestFinished(() => store[Symbol.asyncDispose]());
  const heldTask = await holdOne(store);
  const workDir = new WorkDir(await tempDir());
  const files = new FileSource({ directory, maxBytes: 1_000_000 });
  const context = {
    download: { guard: createAddressGuard({ allow: [] }) },
    sources: [
      {
        scheme: files.scheme,
        brokenRule: (url: URL) => files.brokenRule(url),
        fetch: async (request: Parameters<FileSource["fetch"]>[0]) => {
          const fetched = await files.fetch(request);
          heldTask.end("canceled");
          return fetched;
        },
      },
    ],
    limits: { maxPixels: 1_000_000 },
  };
  const url = pathToFileURL(join(directory, "picture.png")).href;
  const task = { ...heldTask.task, params: { url }, type: "image" as const };
  await expect(downloadStage(task, workDir, context, heldTask)).rejects.toThrow("canceled");
  expect(await findInput(workDir)).toBeUndefined();
});
