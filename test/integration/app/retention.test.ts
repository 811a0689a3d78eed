import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startCpuServer } from "../../support/cpu-server.js";
import { eventually } from "../../support/eventually.js";
import { aPicture, serve } from "../../support/pictures.js";
import { tempDir } from "../../support/temp-dir.js";
import { startTestApp } from "../../support/test-app.js";

const EXPIRE_AT_ONCE = { TMLSR_RETENTION_DAYS: "0.0000001" };

test.each([
  ["stays where it is unless it is to be deleted", {}, ["result.png"]],
  ["is deleted with the task if it is not to be kept", { TMLSR_KEEP_OUTPUTS: "false" }, []],
])(
  "the result of an expired task %s",
  async (_, env, left) => {
    await using server = await startCpuServer({ switches: { simulate: { steps: 1, stepMs: 1 } } });
    const dataDir = await tempDir();
    const taskId = await complete(server.url, dataDir);
    await using app = await startTestApp({ dataDir, env: { ...EXPIRE_AT_ONCE, ...env } });
    const status = async () => (await app.rest("GET", `/tasks/${taskId}`)).status;
    await eventually(async () => (await status()) === 404, { limitMs: 150_000 });
    expect(await readdir(join(dataDir, "outputs", taskId)).catch(() => [])).toEqual(left);
    expect(await readdir(join(dataDir, "work"))).toEqual([]);
    const { body } = await app.rest("GET", "/monitor/stats");
    expect(body.stats.completed).toBe(1);
  },
  120_000,
);

/** Runs a task to its end where none expires. @returns its id. */
async function complete(serverUrl: string, dataDir: string): Promise<string> {
  await using app = await startTestApp({ servers: [serverUrl], dataDir });
  const taskId = await app.submit({ url: await serve(await aPicture()), workflow: "cpu_image_2x" });
  expect(await app.ended(taskId)).toMatchObject({ status: "completed" });
  return taskId;
}
