import { expect, test } from "vitest";
import { openEmbeddedStore } from "../../../src/store/embedded/open-embedded-store.js";
import { startCpuServer } from "../../support/cpu-server.js";
import { aPicture, serve } from "../../support/pictures.js";
import { runsByTask } from "../../support/runs.js";
import { tempDir } from "../../support/temp-dir.js";
import { startTestApp } from "../../support/test-app.js";

const HOUR_MS = 3_600_000;

test("a store whose clock is hours behind ends no upload before its time", async () => {
  const view = { path: "/view", fault: "answer", status: 500, count: 3 } as const;
  await using server = await startCpuServer({
    switches: { simulate: { steps: 2, stepMs: 5 }, http: [view] },
  });
  const clock = () => Date.now() - 5 * HOUR_MS;
  const store = await openEmbeddedStore({ directory: await tempDir(), clock });
  await using app = await startTestApp({
    servers: [server.url],
    env: { TMLSR_UPLOAD_RETRY_HOURS: "1" },
    store,
  });
  const url = await serve(await aPicture());
  const taskId = await app.submit({ type: "image", workflow: "cpu_image_2x", url });
  expect(await app.ended(taskId, 90_000)).toMatchObject({ status: "completed", retries: 0 });
  expect(await runsByTask([server])).toEqual(new Map([[taskId, 1]]));
});
