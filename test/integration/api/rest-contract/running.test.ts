import { randomBytes } from "node:crypto";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type SwitchInput,
  startCpuServer,
  type TestCpuServer,
} from "../../../support/cpu-server.js";
import { openLines } from "../../../support/event-stream.js";
import { eventually } from "../../../support/eventually.js";
import { startOrigin } from "../../../support/http-origin.js";
import { aPicture, serve } from "../../../support/pictures.js";
import type { RestTask } from "../../../support/test-app.js";
import { expectProblem, INPUT_URL, useTestApp } from "../../../support/use-test-app.js";

// What of the REST contract shows only while a server works: a CPU server that simulates its networks.

const FAST: SwitchInput = { simulate: { steps: 2, stepMs: 5 } };
const LONG: SwitchInput = { simulate: { steps: 2_000, stepMs: 50 } };
const IMAGE = { type: "image", workflow: "cpu_image_2x" };

let server: TestCpuServer;
beforeAll(async () => {
  server = await startCpuServer({ switches: FAST });
});
// Before the app, which is closed after it.
const api = useTestApp(() => ({ servers: [server.url] }));
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

const stats = async () => (await api.get("/monitor/stats")).body;
const stageNames = ({ stages }: RestTask) => stages.map(({ name }: { name: string }) => name);

/** Waits until a task is as `check` wants it. */
async function until(taskId: string, check: (task: RestTask) => boolean): Promise<RestTask> {
  return await eventually(async () => {
    const task = await api.task(taskId);
    return check(task) && task;
  });
}

const isRunning = ({ running_node }: RestTask) => running_node !== null;

/** Sends the first half of a file and no more. */
async function serveHalf(content: Buffer) {
  let isCut = false;
  const origin = await startOrigin((_request, response) => {
    response.once("close", () => {
      isCut = !response.writableFinished;
    });
    response.writeHead(200, { "content-length": content.length });
    response.write(content.subarray(0, content.length / 2));
  });
  return { url: `${origin.url}/in.png`, isCut: () => isCut };
}

test("the documented example is refused where no server has its nodes, and is told what would run", async () => {
  const workflow = "seedvr2_image_4096.json";
  const answer = await api.post({ url: INPUT_URL, type: "image", workflow });
  expectProblem(answer, { status: 400, code: "WORKFLOW_NOT_RUNNABLE" });
  expect(answer.body.detail).toMatch(/"seedvr2_image_4096".*"cpu_image_2x"/s);
  expect((await stats()).tasks).toEqual([]);
  const { body } = await api.get("/workflows/cpu_image_2x");
  expect(body).toMatchObject({ runnable: true, servers: [server.url] });
});

test.each([
  ["image", "cpu_image_2x"],
  ["video", "cpu_video_2x"],
])("the default for type %s is the first that the pool can run: %s", async (type, workflow) => {
  const taskId = await api.submit({ type, not_before: "2099-01-01T00:00:00Z" });
  expect(await api.task(taskId)).toMatchObject({ workflow, params: { workflow: null } });
  await api.call("DELETE", `/tasks/${taskId}`);
});

test("a task tells of its stages while it runs, in the words that clients know", async () => {
  const noise = randomBytes(400 * 400 * 3);
  const picture = await sharp(noise, { raw: { width: 400, height: 400, channels: 3 } })
    .png()
    .toBuffer();
  const taskId = await api.submit({ ...IMAGE, url: await serve(picture) });
  const details = new Map<string, Set<string>>();
  const progress: number[] = [];
  const lines = await openLines(`${api.app.url}/tasks/${taskId}:watch`);
  for await (const { task } of lines) {
    progress.push(task.progress);
    for (const { name, status, detail, duration } of task.stages) {
      details.set(name, (details.get(name) ?? new Set()).add(detail));
      if (status === "running") expect(duration).toBe(0);
    }
  }
  expect(progress).toEqual(progress.toSorted((a, b) => a - b));
  const known = [
    /^(Starting download\.\.\.|\d+\.\dMB \/ \d+\.\dMB|Download complete)$/,
    /^(Processing with cpu_image_2x\.\.\.|Processing complete)$/,
    /^(Starting upload\.\.\.|\d+\.\dMB \/ \d+\.\dMB|Upload complete)$/,
  ];
  for (const [index, [name, seen]] of [...details].entries()) {
    expect(name).toBe(["download", "process", "upload"][index]);
    for (const detail of seen) expect(detail).toMatch(known[index] ?? /never/);
  }
  const task = await api.task(taskId);
  expect(task).toMatchObject({ status: "completed", progress: 100, error: null, retries: 0 });
  for (const { duration } of task.stages) {
    expect(duration).toBeGreaterThanOrEqual(0);
    expect(duration).toBe(Math.round(duration * 100) / 100);
  }
});

test("a download tells how far it is, and is cut when the task is canceled", async () => {
  const origin = await serveHalf(randomBytes(1024 * 1024));
  const taskId = await api.submit({ ...IMAGE, url: origin.url });
  const task = await until(taskId, ({ stages }) => stages[0]?.progress > 0);
  expect(task.status).toBe("processing");
  expect(task.stages).toMatchObject([{ name: "download", status: "running", duration: 0 }]);
  expect(task.stages[0].detail).toMatch(/^0\.[0-5]MB \/ 1\.0MB$/);
  expect(task.stages[0].progress).toBeLessThanOrEqual(50);
  expect((await stats()).system).toMatchObject({ active_workers: 0, queue_size: 0 });
  await api.call("DELETE", `/tasks/${taskId}`);
  await eventually(origin.isCut);
});

describe("while a server runs a prompt", () => {
  test("stats say so, further tasks wait without a process stage, and a cancel frees it", async () => {
    await server.set(LONG);
    const url = await serve(await aPicture());
    const running = await api.submit({ ...IMAGE, url });
    const shown = await until(running, isRunning);
    expect(shown.stages.at(-1)).toMatchObject({
      name: "process",
      status: "running",
      duration: 0,
      detail: "Processing with cpu_image_2x...",
    });
    const others = await Promise.all(
      Array.from({ length: 3 }, () => api.submit({ ...IMAGE, url })),
    );
    // What a server may hold beside the running prompt has begun its process stage; the rest waits.
    const waiting = await eventually(async () => {
      const tasks = await Promise.all(others.map((taskId) => api.task(taskId)));
      const downloaded = tasks.filter(({ stages }) => stages[0]?.status === "success");
      return downloaded.length >= 2 && tasks.filter((task) => stageNames(task).length === 1);
    });
    expect(waiting.length).toBeGreaterThan(0);
    const { system, pool_status, stats: counts } = await stats();
    expect(system).toMatchObject({ max_workers: 1, active_workers: 1 });
    expect(system.queue_size).toBe(counts.pending);
    expect(pool_status).toMatchObject([
      { address: server.url, status: "busy", state: "ready", task_id: running },
    ]);
    const lastActive = pool_status[0].last_active;
    expect(Math.abs(lastActive - Date.now() / 1000)).toBeLessThan(3600);
    for (const taskId of [...others, running]) await api.call("DELETE", `/tasks/${taskId}`);
    await eventually(async () => {
      const queue = await (await fetch(`${server.url}/queue`)).json();
      expect(queue).toEqual({ queue_running: [], queue_pending: [] });
      const [status] = (await stats()).pool_status;
      expect(status).toMatchObject({ status: "idle", task_id: null });
    });
    await server.set(FAST);
  });
});

describe("a host name", () => {
  // The shared app allows 127.0.0.1 and all that leads there; this one allows nothing.
  const strict = useTestApp(() => ({
    servers: [server.url],
    env: { TMLSR_INPUT_ALLOW: "192.0.2.1" },
  }));

  test("is judged when it is connected to: the task fails, and is not tried again", async () => {
    const origin = await startOrigin((_request, response) => {
      response.end("secret");
    });
    const url = `http://localhost:${origin.port}/in.png`;
    const taskId = await strict.submit({ ...IMAGE, url });
    expect(await strict.app.ended(taskId)).toMatchObject({
      status: "failed",
      error_code: "INPUT_ADDRESS_NOT_ALLOWED",
      retries: 0,
      attempts: [{ attempt: 1 }],
    });
    expect(origin.requests).toEqual([]);
  });
});

test("a server that cannot be reached any more is offline, and /ready says no", async () => {
  expect((await api.get("/ready")).body).toEqual({ ready: true });
  await server.kill();
  const [status] = await eventually(async () => {
    const { pool_status } = (await api.get("/monitor/stats")).body;
    return pool_status[0].status === "offline" && pool_status;
  });
  expect(status).toMatchObject({ state: "quarantined", task_id: null });
  expect(status.reason).toEqual(expect.any(String));
  expect((await api.get("/ready")).status).toBe(503);
  // What it can run is still known.
  const answer = await api.post({ url: INPUT_URL, workflow: "seedvr2_image_2048" });
  expectProblem(answer, { status: 400, code: "WORKFLOW_NOT_RUNNABLE" });
  await server.restart(FAST);
  await eventually(async () => (await api.get("/ready")).status === 200);
});

test("a retry begins at the stage that failed: the input is fetched once, and no error is left", async () => {
  await server.set(LONG);
  const picture = await aPicture();
  const origin = await startOrigin((_request, response) => {
    response.end(picture);
  });
  const taskId = await api.submit({ ...IMAGE, url: `${origin.url}/in.png` });
  const { stages } = await until(taskId, isRunning);
  await server.restart(FAST);
  const task = await api.app.ended(taskId, 25_000);
  expect(task).toMatchObject({ status: "completed", error: null, error_code: null, retries: 0 });
  expect(task.stages[0]).toEqual(stages[0]);
  expect(origin.requests).toHaveLength(1);
  expect(task.attempts.at(-1)).toMatchObject({ server: server.url, reason: "completed" });
  expect(task.attempts.length).toBeGreaterThan(1);
});

test.todo("pool_status of a server that is draining: nothing drains a single server yet");
