import { readdir } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { expect, test } from "vitest";
import { TaskStatus } from "../../../src/client/client.js";
import { startCpuServer } from "../../support/cpu-server.js";
import { eventually } from "../../support/eventually.js";
import { heldSlots } from "../../support/held-slots.js";
import { aPicture, serve } from "../../support/pictures.js";
import { startTestApp } from "../../support/test-app.js";

const FAST = { simulate: { steps: 4, stepMs: 5 } };

test("a picture goes the whole way: submitted over REST, watched over gRPC, its result fetched", async () => {
  await using server = await startCpuServer({ switches: FAST });
  await using app = await startTestApp({ servers: [server.url] });
  const url = await serve(await aPicture());
  const taskId = await app.submit({ url, type: "image", workflow: "cpu_image_2x.json" });
  const progress: number[] = [];
  let last: TaskStatus | undefined;
  for await (const { task } of app.grpc.tasks.watchTask({ taskId })) {
    progress.push(task?.progress ?? -1);
    last = task?.status;
  }
  expect(last).toBe(TaskStatus.COMPLETED);
  expect(progress).toEqual(progress.toSorted((a, b) => a - b));
  expect(progress.at(-1)).toBe(100);

  const { body: task } = await app.rest("GET", `/tasks/${taskId}`);
  expect(task).toMatchObject({
    status: "completed",
    error: null,
    stages: [
      { name: "download", status: "success", detail: "Download complete", progress: 100 },
      { name: "process", status: "success", detail: "Processing complete", progress: 100 },
      { name: "upload", status: "success", detail: "Upload complete", progress: 100 },
    ],
    input: { media_type: "image/png", width: 32, height: 24 },
    attempts: [{ attempt: 1, server: server.url, reason: "completed" }],
    server: server.url,
    workflow: "cpu_image_2x",
  });
  expect(task.output.url).toBe(`http://localhost:${app.app.api.port}/outputs/${taskId}/result.png`);
  const result = await fetch(task.output.url.replace("localhost", "127.0.0.1"));
  const metadata = await sharp(await result.arrayBuffer()).metadata();
  expect([metadata.width, metadata.height]).toEqual([64, 48]);
});

test("after its end a task leaves no work directory, no slot and no history entry", async () => {
  await using server = await startCpuServer({ switches: FAST });
  await using app = await startTestApp({ servers: [server.url] });
  const url = await serve(await aPicture());
  const taskId = await app.submit({ url, workflow: "cpu_image_2x" });
  await app.ended(taskId);
  expect(await heldSlots(app.app.store)).toEqual([]);
  await eventually(async () => {
    expect(await readdir(join(app.dataDir, "work"))).toEqual([]);
    expect(await (await fetch(`${server.url}/history`)).json()).toEqual({});
  });
});

test("tasks wait while no server answers, and run when one does", async () => {
  await using server = await startCpuServer({ switches: FAST });
  await server.kill();
  await using app = await startTestApp({ servers: [server.url] });
  const url = await serve(await aPicture());
  const taskId = await app.submit({ url, type: "image", workflow: "cpu_image_2x" });
  expect((await app.rest("GET", "/ready")).status).toBe(503);
  await server.restart(FAST);
  expect(await app.ended(taskId)).toMatchObject({ status: "completed", retries: 0 });
  expect((await app.rest("GET", "/ready")).status).toBe(200);
});

test("a workflow that the known servers cannot run is refused at submit, and says what would run", async () => {
  await using server = await startCpuServer({ switches: FAST });
  await using app = await startTestApp({ servers: [server.url] });
  const request = {
    url: "https://example.com/image.jpg",
    type: "image",
    workflow: "seedvr2_image_4096.json",
  };
  const { status, body } = await app.rest("POST", "/tasks", request);
  expect(status).toBe(400);
  expect(body.code).toBe("WORKFLOW_NOT_RUNNABLE");
  expect(body.detail).toContain("SeedVR2LoadDiTModel");
  expect(body.detail).toContain("cpu_image_2x");
});

test("a task accepted while its server was unknown fails when the server turns out to lack its nodes", async () => {
  await using server = await startCpuServer({ switches: FAST });
  await server.kill();
  await using app = await startTestApp({ servers: [server.url] });
  const url = await serve(await aPicture());
  const taskId = await app.submit({ url, type: "image", workflow: "seedvr2_image_2048" });
  await server.restart(FAST);
  expect(await app.ended(taskId)).toMatchObject({
    status: "failed",
    error_code: "WORKFLOW_NOT_RUNNABLE",
  });
});

test("24 pictures at once over REST and gRPC all complete, each prompt run once", async () => {
  await using server = await startCpuServer({ switches: FAST });
  await using app = await startTestApp({ servers: [server.url] });
  const url = await serve(await aPicture());
  const ids = await Promise.all(
    Array.from({ length: 24 }, async (_, index) => {
      if (index % 2 === 0) return await app.submit({ url, workflow: "cpu_image_2x" });
      return (await app.grpc.tasks.createTask({ url, workflow: "cpu_image_2x" })).taskId;
    }),
  );
  for (const id of ids)
    expect(await app.ended(id)).toMatchObject({ status: "completed", retries: 0 });
  const started = (await server.log()).filter(({ event }) => event === "started");
  expect(started).toHaveLength(24);
  expect(new Set(started.map(({ taskId }) => taskId)).size).toBe(24);
});
