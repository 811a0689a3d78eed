import { copyFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { startCpuServer } from "../../support/cpu-server.js";
import { eventually } from "../../support/eventually.js";
import { aPicture, serve } from "../../support/pictures.js";
import { tempDir } from "../../support/temp-dir.js";
import { NOBODY, startTestApp, type TestApp, type TestAppOptions } from "../../support/test-app.js";

const FAST = { simulate: { steps: 1, stepMs: 5 } };
/** An upscale as the editor saves it, with a viewer of a node pack that the CPU server does not have. */
const AS_SAVED = fileURLToPath(
  new URL("../../fixtures/workflows/upscale-as-saved.json", import.meta.url),
);
const NO_SAVE = {
  nodes: [{ id: 1, type: "NodeOfNoServer", mode: 0, inputs: [], outputs: [] }],
  links: [],
};

test("a file from the editor runs on a server that does not know one of its viewers", async () => {
  await using server = await startCpuServer({ switches: FAST });
  await using app = await startTestApp(await withGraphs(server.url));
  await eventually(async () => (await app.rest("GET", "/workflows/ui")).status === 200);
  const url = await serve(await aPicture());
  const taskId = await app.submit({ url, workflow: "ui" });
  expect(await app.ended(taskId)).toMatchObject({ status: "completed", workflow: "ui" });
});

test("a file from the editor that a server cannot convert says why, where it is asked for", async () => {
  await using server = await startCpuServer({ switches: FAST });
  await using app = await startTestApp(await withGraphs(server.url));
  const reason = 'Cannot use workflow "no_save": it has no node that saves a file';
  await eventually(async () => (await shown(app)).includes(reason));
  expect(await refusal(app)).toContain(reason);
});

test("a file from the editor says that it waits while no server was reached", async () => {
  await using app = await startTestApp(await withGraphs(NOBODY));
  expect(await shown(app)).toContain("waits for a server");
  expect(await refusal(app)).toContain("waits for a server");
});

/** An app whose workflows are one that a CPU server can convert and one that it cannot. */
async function withGraphs(server: string): Promise<TestAppOptions> {
  const directory = await tempDir();
  await copyFile(AS_SAVED, join(directory, "ui.json"));
  await writeFile(join(directory, "no_save.json"), JSON.stringify(NO_SAVE));
  const models = { "RealESRGAN_x2.pth": "anime4k-cnn-x2" };
  return {
    servers: [server],
    env: { TMLSR_WORKFLOWS_DIR: directory },
    file: { workflows: { models } },
  };
}

async function shown(app: TestApp): Promise<string> {
  const { status, body } = await app.rest("GET", "/workflows/no_save");
  expect(status).toBe(404);
  return body.detail;
}

async function refusal(app: TestApp): Promise<string> {
  const request = { url: "https://example.com/a.png", workflow: "no_save" };
  const { status, body } = await app.rest("POST", "/tasks", request);
  expect(status).toBe(400);
  return body.errors[0].message;
}
