import { expect, test } from "vitest";
import { startCpuServer, type TestCpuServer } from "../../support/cpu-server.js";
import { aPicture, serve } from "../../support/pictures.js";
import { runsByTask } from "../../support/runs.js";
import { startTestApp } from "../../support/test-app.js";

const FAST = { simulate: { steps: 1, stepMs: 5 } };
const LOADER = "/object_info/UpscaleModelLoader";

test("a workflow whose model is on one of two servers runs there only", async () => {
  await using without = await startCpuServer({ switches: FAST });
  await using having = await startCpuServer({ switches: FAST });
  await hideModels(without);
  await using app = await startTestApp({ servers: [without.url, having.url] });
  const url = await serve(await aPicture());
  const ids = await Promise.all(
    Array.from({ length: 6 }, () => app.submit({ url, workflow: "cpu_image_2x" })),
  );
  for (const id of ids)
    expect(await app.ended(id)).toMatchObject({ status: "completed", server: having.url });
  expect(await runsByTask([without])).toEqual(new Map());
  const { body } = await app.rest("GET", "/monitor/stats");
  expect(body.pool_status[0].missing.join()).toContain("anime4k-cnn-x2");
  expect(body.pool_status[1].workflows).toContain("cpu_image_2x");
});

test("a workflow whose model no server has is refused, naming the model and the servers", async () => {
  await using one = await startCpuServer({ switches: FAST });
  await using other = await startCpuServer({ switches: FAST });
  await Promise.all([hideModels(one), hideModels(other)]);
  await using app = await startTestApp({ servers: [one.url, other.url] });
  const request = { url: "https://example.com/a.png", workflow: "cpu_image_2x" };
  const { status, body } = await app.rest("POST", "/tasks", request);
  expect(status).toBe(400);
  expect(body.code).toBe("WORKFLOW_NOT_RUNNABLE");
  for (const name of ["anime4k-cnn-x2", one.url, other.url]) expect(body.detail).toContain(name);
});

test("esrgan_image_2x runs on the CPU server where the configuration maps its model", async () => {
  await using server = await startCpuServer({ switches: FAST });
  const models = { "RealESRGAN_x2.pth": "anime4k-cnn-x2" };
  await using app = await startTestApp({ servers: [server.url], file: { workflows: { models } } });
  const url = await serve(await aPicture());
  const taskId = await app.submit({ url, type: "image" });
  expect(await app.ended(taskId)).toMatchObject({
    status: "completed",
    workflow: "esrgan_image_2x",
  });
});

/** Makes a server answer that it has another model than its own. */
async function hideModels(server: TestCpuServer): Promise<void> {
  const real = (await (await fetch(server.url + LOADER)).json()) as {
    UpscaleModelLoader: { input: { required: { model_name: unknown[] } } };
  };
  real.UpscaleModelLoader.input.required.model_name[0] = ["other.pth"];
  const answer = { path: LOADER, fault: "answer", status: 200 } as const;
  const body = JSON.stringify(real);
  await server.set({ http: [{ ...answer, contentType: "application/json", body }] });
}
