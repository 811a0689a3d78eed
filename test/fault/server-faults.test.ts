import { expect, test } from "vitest";
import { submitChecked, times } from "../support/checked-tasks.js";
import { startCpuServer, type TestCpuServer } from "../support/cpu-server.js";
import { getJson } from "../support/cpu-server-client.js";
import { eventually } from "../support/eventually.js";
import { queueLengths } from "../support/runs.js";
import { startTestApp, type TestApp } from "../support/test-app.js";

const FAST = { simulate: { steps: 2, stepMs: 5 } };
/** Runs on for minutes, and tells of each step. */
const SLOW = { simulate: { steps: 100_000, stepMs: 20 } };
const UPSCALER = "ImageUpscaleWithModel";
const REFUSE = { path: "/prompt", method: "POST", fault: "answer", status: 500 } as const;
const started = async (server: TestCpuServer) =>
  (await server.log().catch(() => [])).filter(({ event }) => event === "started");

const stateOf = (app: TestApp, index: number) => app.app.pool.servers[index]?.state;

test("a server that answers 500 to every prompt: the good one does all, nothing is held against the tasks", async () => {
  await using bad = await startCpuServer({ switches: { ...FAST, http: [REFUSE] } });
  await using good = await startCpuServer({ switches: FAST });
  await using app = await startTestApp({ servers: [bad.url, good.url] });
  const tasks = await submitChecked(app, times(12));
  for (const task of await tasks.completed(app)) expect(task.retries).toBe(0);
  expect(await tasks.ranOnce([bad, good])).toBe(0);
  expect(await started(bad)).toEqual([]);
  const { body } = await app.rest("GET", "/monitor/stats");
  expect(JSON.stringify(body)).toContain("answered 500");
});

test("a server that answers 500 to every prompt, alone: no task fails, all wait and run once it is well", async () => {
  await using server = await startCpuServer({ switches: { ...FAST, http: [REFUSE] } });
  await using app = await startTestApp({ servers: [server.url] });
  const tasks = await submitChecked(app, times(4));
  await eventually(() => stateOf(app, 0) === "quarantined");
  await server.set({ http: null });
  for (const task of await tasks.completed(app)) expect(task.retries).toBe(0);
  expect(await tasks.ranOnce([server])).toBe(0);
});

test.each([
  ["a page", { contentType: "text/html", body: "<html>Bad gateway</html>" }],
  ["wrong types", { contentType: "application/json", body: '{"prompt_id": 5, "number": "x"}' }],
])(
  "a server that answers a prompt with %s: what it took is found, nothing runs twice",
  async (_, answer) => {
    const nonsense = { path: "/prompt", method: "POST", fault: "answer", status: 200, ...answer };
    await using server = await startCpuServer({
      switches: { ...FAST, http: [{ ...nonsense, fault: "answer", when: "after", count: 1 }] },
    });
    await using app = await startTestApp({ servers: [server.url] });
    const tasks = await submitChecked(app, times(2));
    await tasks.completed(app);
    expect(await tasks.ranOnce([server])).toBe(0);
  },
);

test("a server whose queue and history answer nonsense for a while: its prompt is waited for", async () => {
  const html = { fault: "answer", status: 200, contentType: "text/html", body: "<html>" } as const;
  const slow = { simulate: { steps: 2_000, stepMs: 50 } };
  await using server = await startCpuServer({ switches: { ...slow, ws: "silent" } });
  await using other = await startCpuServer({ switches: FAST });
  await other.kill();
  await using app = await startTestApp({ servers: [server.url, other.url] });
  const tasks = await submitChecked(app, times(1));
  await eventually(async () => (await started(server)).length === 1);
  await server.set({
    http: [
      { path: "/queue", ...html, count: 3 },
      { path: "/history/*", ...html, count: 3 },
    ],
  });
  await other.restart(FAST);
  await faultsAreOver(server);
  await server.set(FAST);
  await tasks.completed(app);
  expect(await tasks.ranOnce([server, other])).toBe(0);
  expect(await started(other)).toEqual([]);
});

test("a prompt that hangs: its server is taken out until it is rid of it, the task runs elsewhere", async () => {
  await using hung = await startCpuServer({
    switches: { ...FAST, nodes: [{ classType: UPSCALER, fault: "hang" }] },
  });
  await using good = await startCpuServer({ switches: FAST });
  await good.kill();
  await using app = await startTestApp({
    servers: [hung.url, good.url],
    env: { TMLSR_STALL_SECONDS: "4" },
  });
  const tasks = await submitChecked(app, times(3));
  await eventually(async () => (await started(hung)).length === 1);
  await good.restart(FAST);
  await tasks.completed(app);
  expect(await started(hung)).toHaveLength(1);
  expect(stateOf(app, 0)).toBe("quarantined");
  await hung.restart(FAST);
  await eventually(() => stateOf(app, 0) !== "quarantined");
});

test("a prompt that hangs with another one behind it: both run elsewhere", async () => {
  await using hung = await startCpuServer({ switches: FAST });
  await using good = await startCpuServer({ switches: FAST });
  await good.kill();
  await using app = await startTestApp({
    servers: [hung.url, good.url],
    env: { TMLSR_STALL_SECONDS: "4" },
  });
  await (await submitChecked(app, times(1))).completed(app);
  await hung.set(SLOW);
  const tasks = await submitChecked(app, times(2));
  await eventually(async () => {
    const { running, pending } = await queueLengths(hung);
    return running === 1 && pending === 1;
  });
  // Only now, however long it took to bring the second one there.
  await hung.set({ simulate: { ...SLOW.simulate, uninterruptible: true } });
  await good.restart(FAST);
  await tasks.completed(app);
  expect(await started(good)).toHaveLength(2);
});

test("a server whose worker is dead takes prompts and runs none: its task runs elsewhere", async () => {
  await using dead = await startCpuServer({ switches: { ...FAST, workerDead: true } });
  await using good = await startCpuServer({ switches: FAST });
  await good.kill();
  await using app = await startTestApp({
    servers: [dead.url, good.url],
    env: { TMLSR_STALL_SECONDS: "4" },
  });
  const tasks = await submitChecked(app, times(2));
  await eventually(async () => (await dead.log().catch(() => [])).length > 0);
  await good.restart(FAST);
  await tasks.completed(app);
  expect(await tasks.ranOnce([dead, good])).toBe(0);
});

test("a CUDA fault: the task runs elsewhere, the server is left alone until it was restarted", async () => {
  const message = "CUDA error: an illegal memory access was encountered";
  const cuda = {
    classType: UPSCALER,
    fault: "fail",
    exceptionType: "RuntimeError",
    message,
  } as const;
  await using broken = await startCpuServer({ switches: { ...FAST, nodes: [cuda] } });
  await using good = await startCpuServer({ switches: FAST });
  await good.kill();
  await using app = await startTestApp({ servers: [broken.url, good.url] });
  const tasks = await submitChecked(app, times(3));
  await eventually(() => stateOf(app, 0) === "quarantined");
  await good.restart(FAST);
  for (const task of await tasks.completed(app)) expect(task.retries).toBe(0);
  expect(await started(broken)).toHaveLength(1);
  expect(stateOf(app, 0)).toBe("quarantined");
  await broken.restart(FAST);
  await eventually(() => stateOf(app, 0) === "half_open");
  // The first task that it runs well makes it ready; the other server may be quicker to take some.
  await eventually(async () => {
    await (await submitChecked(app, times(4))).completed(app);
    return stateOf(app, 0) === "ready";
  });
});

test("a CUDA fault in the first prompt after a restart: that restart does not make the server well", async () => {
  const cuda = {
    classType: UPSCALER,
    fault: "fail",
    exceptionType: "torch.AcceleratorError",
    message: "CUDA error: unspecified launch failure",
  } as const;
  await using server = await startCpuServer({ switches: FAST });
  await using app = await startTestApp({ servers: [server.url] });
  await (await submitChecked(app, times(2))).completed(app);
  await server.restart({ ...FAST, nodes: [cuda] });
  await eventually(() => app.app.pool.servers[0]?.loadedWorkflow === undefined);
  const tasks = await submitChecked(app, times(1));
  await eventually(() => stateOf(app, 0) === "quarantined");
  await probed(server, 3);
  expect(stateOf(app, 0)).toBe("quarantined");
  expect(await started(server)).toHaveLength(2 + 1);
  await server.restart(FAST);
  await tasks.completed(app);
});

/** Waits until the first of the server's counted HTTP faults has hit as often as it was to. */
async function faultsAreOver({ url }: TestCpuServer): Promise<void> {
  await eventually(async () => (await getJson(`${url}/test/switches`)).http[0].count === 0);
}

/** Waits until the server was asked for its state so often. */
async function probed(server: TestCpuServer, count: number): Promise<void> {
  await server.set({ http: [{ path: "/system_stats", fault: "delay", ms: 0, count }] });
  await faultsAreOver(server);
}

test("a prompt that runs longer than the limit is canceled, and its task fails", async () => {
  await using server = await startCpuServer({ switches: { simulate: { steps: 600, stepMs: 50 } } });
  await using app = await startTestApp({
    servers: [server.url],
    env: { TMLSR_TASK_TIMEOUT_HOURS: String(1 / 3600) },
  });
  const tasks = await submitChecked(app, times(1));
  const task = await app.ended(tasks.ids[0] ?? "");
  expect(task).toMatchObject({ status: "failed", error_code: "TASK_TIMEOUT" });
  expect((await server.log()).at(-1)).toMatchObject({ event: "ended", outcome: "interrupted" });
  await server.set(FAST);
  await (await submitChecked(app, times(1))).completed(app);
});

test("after faults a server gets one task at a time until one has succeeded", async () => {
  const fail = { ...REFUSE, count: 1 };
  await using server = await startCpuServer({ switches: { ...FAST, http: [fail] } });
  await using app = await startTestApp({ servers: [server.url] });
  let mostHeld = 0;
  const unsubscribe = app.app.pool.subscribe(() => {
    const [one] = app.app.pool.servers;
    if (one?.state === "half_open") mostHeld = Math.max(mostHeld, one.held.size);
  });
  const tasks = await submitChecked(app, times(4));
  await tasks.completed(app);
  unsubscribe();
  expect(mostHeld).toBeLessThanOrEqual(1);
  expect(stateOf(app, 0)).toBe("ready");
});
