import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startCpuServer, type TestCpuServer } from "../support/cpu-server.js";
import { eventually } from "../support/eventually.js";
import { heldSlots } from "../support/held-slots.js";
import { startOrigin } from "../support/http-origin.js";
import { aPicture, serve } from "../support/pictures.js";
import { queueLengths } from "../support/runs.js";
import { startTestApp, type TestApp } from "../support/test-app.js";

const WORKFLOW = { type: "image", workflow: "cpu_image_2x" };
const LONG = { simulate: { steps: 2_000, stepMs: 50 } };
const FAST = { simulate: { steps: 2, stepMs: 5 } };

/** Cancels, and checks all that a cancel promises: terminal at once, for good, nothing held any more. */
async function cancel(app: TestApp, taskId: string): Promise<void> {
  expect(await app.rest("DELETE", `/tasks/${taskId}`)).toMatchObject({
    status: 200,
    body: { status: "canceled" },
  });
  expect((await app.rest("GET", `/tasks/${taskId}`)).body).toMatchObject({
    status: "canceled",
    output: null,
    error: null,
  });
  await eventually(async () => {
    expect((await app.app.store.get(taskId))?.cleanupPending).toBeUndefined();
    expect(await heldSlots(app.app.store)).toEqual([]);
    expect(await readdir(join(app.dataDir, "work")).catch(() => [])).not.toContain(taskId);
  });
  expect((await app.rest("GET", `/tasks/${taskId}`)).body).toMatchObject({ status: "canceled" });
}

async function queueIsEmpty(server: TestCpuServer): Promise<boolean> {
  const { running, pending } = await queueLengths(server);
  return running === 0 && pending === 0;
}

const started = async (server: TestCpuServer) =>
  (await server.log().catch(() => [])).filter(({ event }) => event === "started");

test("cancel of a pending task: it never begins", async () => {
  await using app = await startTestApp();
  const taskId = await app.submit({ ...WORKFLOW, url: "https://example.com/a.png" });
  await cancel(app, taskId);
});

test("cancel of a task that is downloading cuts the download", async () => {
  await using server = await startCpuServer({ switches: FAST });
  await using app = await startTestApp({ servers: [server.url] });
  let isCut = false;
  const origin = await startOrigin((_request, response) => {
    response.on("close", () => {
      isCut = true;
    });
    response.writeHead(200, { "content-length": 1000 });
    response.write("x");
  });
  const taskId = await app.submit({ ...WORKFLOW, url: `${origin.url}/a.png` });
  await eventually(() => origin.requests.length === 1);
  await cancel(app, taskId);
  await eventually(() => isCut);
  expect(await started(server)).toEqual([]);
});

test("cancel of a running task interrupts its prompt, and the next one runs", async () => {
  await using server = await startCpuServer({ switches: LONG });
  await using app = await startTestApp({ servers: [server.url] });
  const url = await serve(await aPicture());
  const first = await app.submit({ ...WORKFLOW, url });
  const second = await app.submit({ ...WORKFLOW, url });
  await eventually(async () => (await started(server)).length === 1);
  const [running] = await started(server);
  const [canceled, other] = running?.taskId === first ? [first, second] : [second, first];
  expect(await app.rest("DELETE", `/tasks/${canceled}`)).toMatchObject({ status: 200 });
  await eventually(async () => (await server.log()).some(({ event }) => event === "ended"));
  await server.set(FAST);
  expect(await app.ended(other)).toMatchObject({ status: "completed" });
  const ends = (await server.log()).filter(({ event }) => event === "ended");
  expect(ends.map(({ taskId, outcome }) => [taskId, outcome])).toEqual([
    [canceled, "interrupted"],
    [other, "success"],
  ]);
  await cancel(app, canceled);
});

test("cancel of a task that waits in a server's own queue takes its prompt out", async () => {
  await using server = await startCpuServer({ switches: FAST });
  await using app = await startTestApp({ servers: [server.url] });
  const url = await serve(await aPicture());
  await app.ended(await app.submit({ ...WORKFLOW, url }));
  await server.set(LONG);
  const running = await app.submit({ ...WORKFLOW, url });
  await eventually(async () => (await started(server)).some(({ taskId }) => taskId === running));
  const queued = await app.submit({ ...WORKFLOW, url });
  await eventually(async () => (await app.app.store.get(queued))?.dispatch?.phase === "sent");
  await app.rest("DELETE", `/tasks/${queued}`);
  await eventually(async () =>
    (await server.log()).some(({ event, taskId }) => event === "deleted" && taskId === queued),
  );
  expect((await started(server)).map(({ taskId }) => taskId)).not.toContain(queued);
  await cancel(app, running);
  await eventually(() => queueIsEmpty(server));
});

test("cancel of a task whose prompt does not yield: the next one is sent when that is gone, not before", async () => {
  await using server = await startCpuServer({ switches: FAST });
  await using app = await startTestApp({ servers: [server.url] });
  const url = await serve(await aPicture());
  // Known to be short: a second prompt of the workflow may wait in the server's own queue.
  await app.ended(await app.submit({ ...WORKFLOW, url }));
  await server.set({ simulate: { steps: 1, stepMs: 6_000, uninterruptible: true } });
  const canceled = await app.submit({ ...WORKFLOW, url });
  await eventually(async () => (await started(server)).some(({ taskId }) => taskId === canceled), {
    limitMs: 150_000,
  });
  await app.rest("DELETE", `/tasks/${canceled}`);
  const next = await app.submit({ ...WORKFLOW, url });
  await eventually(async () => (await app.app.store.get(next))?.input !== undefined, {
    limitMs: 150_000,
  });
  await server.set(FAST);
  expect(await app.ended(next, 60_000)).toMatchObject({ status: "completed" });
  const steps = (await server.log()).map(({ event, taskId }) => `${event} ${taskId}`);
  expect(steps.indexOf(`ended ${canceled}`)).toBeGreaterThan(0);
  expect(steps.indexOf(`submitted ${next}`)).toBeGreaterThan(steps.indexOf(`ended ${canceled}`));
}, 120_000);

test("cancel of a task that is uploading: no result is published", async () => {
  const slow = { path: "/view", fault: "throttle", bytesPerSecond: 1 } as const;
  await using server = await startCpuServer({ switches: { ...FAST, http: [slow] } });
  await using app = await startTestApp({ servers: [server.url] });
  const taskId = await app.submit({ ...WORKFLOW, url: await serve(await aPicture(64, 64)) });
  await eventually(
    async () => (await app.app.store.get(taskId))?.stages.upload?.status === "running",
  );
  await cancel(app, taskId);
  expect((await fetch(`${app.url}/outputs/${taskId}/result.png`)).status).toBe(404);
});

test("cancel during the pause before a retry", async () => {
  await using server = await startCpuServer({ switches: FAST });
  await using app = await startTestApp({
    servers: [server.url],
    env: { TMLSR_RETRY_DELAY: "600" },
  });
  const origin = await startOrigin((_request, response) => {
    response.writeHead(503, { "retry-after": "600" }).end();
  });
  const taskId = await app.submit({ ...WORKFLOW, url: `${origin.url}/a.png` });
  await eventually(async () => (await app.app.store.get(taskId))?.attempt === 2);
  await cancel(app, taskId);
});

test("cancel twice answers the same; cancel of an ended task is refused", async () => {
  await using server = await startCpuServer({ switches: FAST });
  await using app = await startTestApp({ servers: [server.url] });
  const url = await serve(await aPicture());
  const completed = await app.submit({ ...WORKFLOW, url });
  await app.ended(completed);
  expect(await app.rest("DELETE", `/tasks/${completed}`)).toMatchObject({
    status: 400,
    body: { detail: "Unable to cancel task (already completed or failed)" },
  });
  await server.set(LONG);
  const canceled = await app.submit({ ...WORKFLOW, url });
  const both = await Promise.all([1, 2].map(() => app.rest("DELETE", `/tasks/${canceled}`)));
  expect(both.map(({ status, body }) => [status, body])).toEqual([
    [200, { status: "canceled" }],
    [200, { status: "canceled" }],
  ]);
  await cancel(app, canceled);
});

test("cancel of a task whose server is down is remembered, and carried out when it answers", async () => {
  await using server = await startCpuServer({ switches: LONG });
  await using app = await startTestApp({ servers: [server.url] });
  const taskId = await app.submit({ ...WORKFLOW, url: await serve(await aPicture()) });
  await eventually(async () => (await started(server)).length === 1);
  process.kill(server.pid, "SIGSTOP");
  await app.rest("DELETE", `/tasks/${taskId}`);
  expect((await app.app.store.get(taskId))?.cleanupPending).toBe(true);
  expect(await heldSlots(app.app.store)).toHaveLength(1);
  process.kill(server.pid, "SIGCONT");
  await cancel(app, taskId);
  await eventually(() => queueIsEmpty(server));
  expect((await server.log()).at(-1)).toMatchObject({ event: "ended", outcome: "interrupted" });
});

test("cancel races the end: exactly one wins, and the status stays", async () => {
  await using server = await startCpuServer({ switches: FAST });
  await using app = await startTestApp({ servers: [server.url] });
  const url = await serve(await aPicture());
  for (let round = 0; round < 8; round += 1) {
    const taskId = await app.submit({ ...WORKFLOW, url });
    await eventually(async () => (await app.app.store.get(taskId))?.dispatch !== undefined);
    const { status } = await app.rest("DELETE", `/tasks/${taskId}`);
    const seen = await app.ended(taskId);
    expect(seen.status).toBe(status === 200 ? "canceled" : "completed");
    await eventually(async () => (await heldSlots(app.app.store)).length === 0);
    expect((await app.ended(taskId)).status).toBe(seen.status);
  }
});
