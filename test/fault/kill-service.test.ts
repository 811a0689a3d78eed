import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { startCpuServer } from "../support/cpu-server.js";
import { eventually } from "../support/eventually.js";
import { aPicture, serve } from "../support/pictures.js";
import { runsByTask } from "../support/runs.js";
import { startService } from "../support/service-process.js";

const WORKFLOW = { type: "image", workflow: "cpu_image_2x" };
const SLOW = { simulate: { steps: 2_000, stepMs: 50 } };
const FAST = { simulate: { steps: 2, stepMs: 5 } };

test("kill -9 right after accept: the task completes after a restart, run once", async () => {
  await using server = await startCpuServer({ switches: FAST });
  await using service = await startService([server.url]);
  const taskId = await service.submit({ ...WORKFLOW, url: await serve(await aPicture()) });
  await service.kill();
  await service.start();
  expect(await service.ended(taskId)).toMatchObject({ status: "completed", retries: 0 });
  expect(await runsByTask([server])).toEqual(new Map([[taskId, 1]]));
});

test("kill -9 in download: the task completes after a restart, run once, no attempt spent", async () => {
  await using server = await startCpuServer({ switches: FAST });
  await using service = await startService([server.url]);
  const origin = await startStallingOrigin(await aPicture());
  const taskId = await service.submit({ ...WORKFLOW, url: origin.url });
  await eventually(() => origin.isAsked());
  await service.kill();
  origin.release();
  await service.start();
  expect(await service.ended(taskId)).toMatchObject({ status: "completed", retries: 0 });
  expect(await runsByTask([server])).toEqual(new Map([[taskId, 1]]));
});

test("kill -9 while the prompt runs: the next process follows it to its end, run once", async () => {
  await using server = await startCpuServer({ switches: SLOW });
  await using service = await startService([server.url]);
  const taskId = await service.submit({ ...WORKFLOW, url: await serve(await aPicture()) });
  await eventually(async () => (await runsByTask([server])).size === 1);
  await service.kill();
  await service.start();
  await server.set(FAST);
  const task = await service.ended(taskId);
  expect(task).toMatchObject({ status: "completed", retries: 0 });
  expect(task.attempts).toHaveLength(2);
  expect(await runsByTask([server])).toEqual(new Map([[taskId, 1]]));
});

test("kill -9 between the intent and the prompt's arrival: the prompt is submitted then, run once", async () => {
  const black = { path: "/prompt", method: "POST", fault: "black-hole", when: "before" } as const;
  await using server = await startCpuServer({ switches: { ...FAST, http: [black] } });
  await using service = await startService([server.url]);
  const taskId = await service.submit({ ...WORKFLOW, url: await serve(await aPicture()) });
  await service.until(taskId, (task) => task.stages[1]?.name === "process");
  await eventually(async () => (await server.log()).length === 0);
  await service.kill();
  await server.set({ http: null });
  await service.start();
  expect(await service.ended(taskId)).toMatchObject({ status: "completed", retries: 0 });
  expect(await runsByTask([server])).toEqual(new Map([[taskId, 1]]));
});

test("kill -9 between the prompt's arrival and its answer: the next process re-attaches, run once", async () => {
  const late = { path: "/prompt", method: "POST", fault: "black-hole", when: "after" } as const;
  await using server = await startCpuServer({ switches: { ...SLOW, http: [late] } });
  await using service = await startService([server.url]);
  const taskId = await service.submit({ ...WORKFLOW, url: await serve(await aPicture()) });
  await eventually(async () => (await runsByTask([server])).size === 1);
  await service.kill();
  await server.set({ http: null });
  await service.start();
  await server.set(FAST);
  expect(await service.ended(taskId)).toMatchObject({ status: "completed", retries: 0 });
  expect(await runsByTask([server])).toEqual(new Map([[taskId, 1]]));
});

test("kill -9 in upload: the result is collected after a restart, run once", async () => {
  const slow = { path: "/view", fault: "throttle", bytesPerSecond: 1 } as const;
  await using server = await startCpuServer({ switches: { ...FAST, http: [slow] } });
  await using service = await startService([server.url]);
  const taskId = await service.submit({ ...WORKFLOW, url: await serve(await aPicture(64, 64)) });
  await service.until(taskId, (task) => task.stages[2]?.status === "running");
  await service.kill();
  await server.set({ http: null });
  await service.start();
  expect(await service.ended(taskId)).toMatchObject({ status: "completed", retries: 0 });
  expect(await runsByTask([server])).toEqual(new Map([[taskId, 1]]));
});

test("SIGSTOP for longer than the lease, then SIGCONT: it goes on with its own task, run once", async () => {
  await using server = await startCpuServer({ switches: SLOW });
  await using service = await startService([server.url], { TMLSR_LEASE_SECONDS: "1" });
  const taskId = await service.submit({ ...WORKFLOW, url: await serve(await aPicture()) });
  await eventually(async () => (await runsByTask([server])).size === 1);
  service.signal("SIGSTOP");
  await eventually(async () => (await server.log()).some(({ at }) => Date.now() - at > 2_000));
  service.signal("SIGCONT");
  await server.set(FAST);
  expect(await service.ended(taskId)).toMatchObject({ status: "completed", retries: 0 });
  expect(await runsByTask([server])).toEqual(new Map([[taskId, 1]]));
});

test("SIGTERM: it exits within the grace period and the next process takes the running prompt up, run once", async () => {
  await using server = await startCpuServer({ switches: SLOW });
  await using service = await startService([server.url]);
  const url = await serve(await aPicture());
  const ids = await Promise.all(
    Array.from({ length: 6 }, () => service.submit({ ...WORKFLOW, url })),
  );
  await eventually(async () => (await runsByTask([server])).size === 1);
  expect(await service.kill("SIGTERM")).toBe(0);
  await server.set(FAST);
  await service.start();
  for (const id of ids)
    expect(await service.ended(id)).toMatchObject({ status: "completed", retries: 0 });
  expect(await runsByTask([server])).toEqual(new Map(ids.map((id) => [id, 1])));
});

/** An origin that begins to answer and stalls until released; later requests are answered at once. */
async function startStallingOrigin(content: Buffer) {
  let asked = 0;
  let isReleased = false;
  const server = createServer((_request, response) => {
    asked += 1;
    response.writeHead(200, { "content-length": content.length });
    if (isReleased) response.end(content);
    else response.write(content.subarray(0, 10));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/picture.png`,
    isAsked: () => asked > 0,
    release: () => {
      isReleased = true;
    },
  };
}
