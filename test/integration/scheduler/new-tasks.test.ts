import { expect, test } from "vitest";
import type { Task } from "../../../src/domain/task.js";
import { openEmbeddedStore } from "../../../src/store/embedded/open-embedded-store.js";
import { startCpuServer } from "../../support/cpu-server.js";
import { eventually } from "../../support/eventually.js";
import { aPicture, serve } from "../../support/pictures.js";
import { runsByTask } from "../../support/runs.js";
import { tempDir } from "../../support/temp-dir.js";
import { startTestApp } from "../../support/test-app.js";

test("a task that a server waits for is leased in the write that creates it, and runs once", async () => {
  await using server = await startCpuServer({ switches: { simulate: { steps: 1, stepMs: 5 } } });
  const store = await openEmbeddedStore({ directory: await tempDir() });
  await using app = await startTestApp({ servers: [server.url], store });
  const url = await serve(await aPicture());
  const seen: Promise<Task | undefined>[] = [];
  store.subscribe(({ taskId, rev }) => {
    // What was written together with the creation is there when that is told.
    if (rev === 1) seen.push(store.get(taskId));
  });
  const submitted: string[] = [];
  // A task that comes before the servers were looked at waits for that.
  await eventually(async () => {
    const taskId = await app.submit({ type: "image", workflow: "cpu_image_2x", url });
    submitted.push(taskId);
    expect(await app.ended(taskId)).toMatchObject({ status: "completed", retries: 0 });
    expect((await Promise.all(seen)).at(-1)).toMatchObject({ taskId, status: "processing" });
  });
  expect(await runsByTask([server])).toEqual(new Map(submitted.map((taskId) => [taskId, 1])));
});
