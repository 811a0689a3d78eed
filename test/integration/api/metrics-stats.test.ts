import { expect, test } from "vitest";
import { startCpuServer } from "../../support/cpu-server.js";
import { eventually } from "../../support/eventually.js";
import { aPicture, serve } from "../../support/pictures.js";
import { startTestApp } from "../../support/test-app.js";

const WORKFLOW = "cpu_image_2x";

test("the stats tell what a server runs and what it has loaded", async () => {
  await using server = await startCpuServer({ switches: { simulate: { steps: 500, stepMs: 20 } } });
  await using app = await startTestApp({ servers: [server.url] });
  const taskId = await app.submit({ url: await serve(await aPicture()), workflow: WORKFLOW });
  await eventually(async () => {
    const { body } = await app.rest("GET", "/monitor/stats");
    expect(body.pool_status).toMatchObject([
      {
        address: server.url,
        ...{ status: "busy", state: "ready", reason: null, quarantined_until: null },
        ...{ task_id: taskId, task_ids: [taskId], loaded_workflow: WORKFLOW },
      },
    ]);
  });
  await app.rest("DELETE", `/tasks/${taskId}`);
  await app.ended(taskId);
});

test("the stats tell why a server is in quarantine and until when, the task who failed it", async () => {
  const nodes = [
    { fault: "fail" as const, count: 1, exceptionType: "RuntimeError", message: CUDA },
  ];
  await using server = await startCpuServer({
    switches: { simulate: { steps: 1, stepMs: 1 }, nodes },
  });
  await using app = await startTestApp({ servers: [server.url] });
  const before = Date.now();
  const taskId = await app.submit({ url: await serve(await aPicture()), workflow: WORKFLOW });
  await eventually(async () => {
    const { body } = await app.rest("GET", "/monitor/stats");
    const [shown] = body.pool_status;
    expect(shown).toMatchObject({ status: "offline", state: "quarantined", task_ids: [] });
    expect(shown.reason).toContain("CUDA");
    expect(Date.parse(shown.quarantined_until)).toBeGreaterThan(before);
  });
  const { body: task } = await app.rest("GET", `/tasks/${taskId}`);
  expect(task).toMatchObject({ status: "pending", retries: 0 });
  expect(task.attempts).toMatchObject([
    { attempt: 1, server: server.url, reason: "CUDA_FAULT", ended_at: expect.any(String) },
  ]);
  await app.rest("DELETE", `/tasks/${taskId}`);
});

const CUDA = "CUDA error: an illegal memory access was encountered";
