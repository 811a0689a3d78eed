import { expect, test } from "vitest";
import { submitChecked, times } from "../support/checked-tasks.js";
import { type SwitchInput, startCpuServer, type TestCpuServer } from "../support/cpu-server.js";
import { getJson } from "../support/cpu-server-client.js";
import { eventually } from "../support/eventually.js";
import { tempDir } from "../support/temp-dir.js";
import { startTestApp, type TestApp } from "../support/test-app.js";
import { workflowsDir } from "../support/workflows-dir.js";

const LIMIT = { limitMs: 150_000 };
const GIB = 2 ** 30;
/** More than a server is asked to free its memory. */
const MANY = 100;
/** Ended prompts stay in the history, so that they can be looked at, and calls of `/free` are counted. */
const FAST = {
  simulate: { steps: 2, stepMs: 5 },
  http: [
    { path: "/history", method: "POST", fault: "answer", status: 200 },
    { path: "/free", method: "POST", fault: "delay", ms: 0, count: MANY },
  ],
} satisfies SwitchInput;

const card = (gib: number): SwitchInput => ({
  memory: { deviceBytes: Math.round(gib * GIB), machineBytes: 64 * GIB },
});

function failing(fault: { readonly count?: number; readonly afterMs?: number } = {}): SwitchInput {
  const exception = {
    exceptionType: "torch.OutOfMemoryError",
    message: "Allocation on device",
  };
  return {
    nodes: [{ classType: "ImageUpscaleWithModel", fault: "fail", ...exception, ...fault }],
  };
}

/** Workflows of which `cpu_image_2x` has a low-memory profile. */
const withProfile = async () => ({
  TMLSR_WORKFLOWS_DIR: await workflowsDir({
    cpu_image_2x: 'low_memory: { "3": { tile_size: 64 } }',
  }),
});

/** What the prompts of a server ended in, and with which profile they ran. */
async function runsOn(server: TestCpuServer) {
  const ends = (await server.log()).filter(({ event }) => event === "ended");
  const history = await getJson(`${server.url}/history`);
  return ends.map(({ outcome, promptId }) => {
    const isLow = history[promptId]?.prompt[2]["3"].inputs.tile_size === 64;
    return `${outcome} ${isLow ? "low" : "as it is"}`;
  });
}

/** How often a server was asked to free its memory. */
async function freedCount(server: TestCpuServer): Promise<number> {
  const { http } = await getJson(`${server.url}/test/switches`);
  return MANY - http[1].count;
}

const endedCount = async (server: TestCpuServer) =>
  (await server.log().catch(() => [])).filter(({ event }) => event === "ended").length;

/** Waits until the app knows of a server that it is down. */
async function isDown(app: TestApp, server: TestCpuServer): Promise<void> {
  await server.kill();
  const one = app.app.pool.servers.find(({ id }) => id === server.url);
  await eventually(() => one?.state === "quarantined", LIMIT);
}

/** Both are known to the app, and the second one is down. */
async function withLargerDown(
  small: TestCpuServer,
  large: TestCpuServer,
  env: Readonly<Record<string, string>> = {},
): Promise<TestApp> {
  const app = await startTestApp({ servers: [small.url, large.url], env });
  await eventually(() => app.app.pool.servers.every(({ state }) => state === "ready"), LIMIT);
  await isDown(app, large);
  return app;
}

test("out of memory once: the server is freed, and the prompt runs there as it is", async () => {
  await using server = await startCpuServer({ switches: { ...FAST, ...failing({ count: 1 }) } });
  await using app = await startTestApp({ servers: [server.url], env: await withProfile() });
  const [task] = await (await submitChecked(app, times(1))).completed(app);
  expect(task).toMatchObject({ retries: 0, attempts: [{ reason: "completed" }] });
  expect(await runsOn(server)).toEqual(["error as it is", "success as it is"]);
  expect(await freedCount(server)).toBe(1);
  expect(app.app.pool.servers[0]?.state).toBe("ready");
}, 120_000);

test("out of memory on the freed server too: it runs with the low-memory profile", async () => {
  await using server = await startCpuServer({ switches: { ...FAST, ...failing({ count: 2 }) } });
  await using app = await startTestApp({ servers: [server.url], env: await withProfile() });
  const [task] = await (await submitChecked(app, times(1))).completed(app);
  expect(task).toMatchObject({ retries: 0, attempts: [{ reason: "completed" }] });
  expect(await runsOn(server)).toEqual(["error as it is", "error as it is", "success low"]);
}, 120_000);

test("out of memory whatever was tried: it runs on the server that has more", async () => {
  await using small = await startCpuServer({ switches: { ...FAST, ...failing(), ...card(24) } });
  await using large = await startCpuServer({ switches: { ...FAST, ...card(80) } });
  await using app = await withLargerDown(small, large);
  const tasks = await submitChecked(app, times(1));
  await eventually(async () => (await endedCount(small)) === 2, LIMIT);
  await large.restart({ ...FAST, ...card(80) });
  const [task] = await tasks.completed(app, 60_000);
  expect(task).toMatchObject({ retries: 0, attempts: [{ server: large.url }] });
  expect(await endedCount(small)).toBe(2);
  expect(await runsOn(large)).toEqual(["success as it is"]);
}, 300_000);

test("out of memory on the server that has more too: it fails, and what was tried is named", async () => {
  await using small = await startCpuServer({ switches: { ...FAST, ...failing(), ...card(24) } });
  await using large = await startCpuServer({ switches: { ...FAST, ...card(80) } });
  await using app = await withLargerDown(small, large, await withProfile());
  const [taskId = ""] = (await submitChecked(app, times(1))).ids;
  await eventually(async () => (await endedCount(small)) === 3, LIMIT);
  await large.restart({ ...FAST, ...failing(), ...card(80) });
  const task = await app.ended(taskId, 60_000);
  expect(task).toMatchObject({ status: "failed", error_code: "OUT_OF_MEMORY", retries: 0 });
  expect(task.error).toBe(
    'Ran out of memory in node "ImageUpscaleWithModel": Allocation on device; ' +
      "also after the server was freed, with the workflow's low-memory profile, " +
      `and on server "${large.url}", which has more memory; no other server has more memory`,
  );
  expect(await runsOn(small)).toEqual(["error as it is", "error as it is", "error low"]);
  expect(await runsOn(large)).toEqual(["error low"]);
  expect([await freedCount(small), await freedCount(large)]).toEqual([2, 1]);
  expect(app.app.pool.servers.map(({ state }) => state)).toEqual(["ready", "ready"]);
}, 300_000);

test("out of memory where no server has more, but for a few megabytes: it fails when it was freed", async () => {
  await using first = await startCpuServer({ switches: { ...FAST, ...failing(), ...card(24) } });
  await using second = await startCpuServer({ switches: { ...FAST, ...failing(), ...card(24.1) } });
  await using app = await startTestApp({ servers: [first.url, second.url] });
  const [taskId = ""] = (await submitChecked(app, times(1))).ids;
  const task = await app.ended(taskId, 60_000);
  expect(task).toMatchObject({ status: "failed", error_code: "OUT_OF_MEMORY", retries: 0 });
  expect(task.error).toContain("also after the server was freed; no other server has more memory");
  expect((await endedCount(first)) + (await endedCount(second))).toBe(2);
}, 120_000);

test("a server that was never reached may have more memory: when it turns out to have not, the task fails", async () => {
  await using small = await startCpuServer({ switches: { ...FAST, ...failing(), ...card(24) } });
  await using other = await startCpuServer({ switches: FAST });
  await other.kill();
  await using app = await startTestApp({ servers: [small.url, other.url] });
  const [taskId = ""] = (await submitChecked(app, times(1))).ids;
  const failures = async () => (await app.app.store.get(taskId))?.memoryFailures;
  await eventually(async () => (await failures())?.length === 2, LIMIT);
  await other.restart({ ...FAST, ...card(16) });
  const task = await app.ended(taskId, 60_000);
  expect(task).toMatchObject({ status: "failed", error_code: "OUT_OF_MEMORY", retries: 0 });
  expect(await endedCount(other)).toBe(0);
}, 300_000);

test("what was tried is not tried again by the next process, which waits for the server that has more", async () => {
  await using small = await startCpuServer({ switches: { ...FAST, ...failing(), ...card(24) } });
  await using large = await startCpuServer({ switches: { ...FAST, ...card(80) } });
  const options = { servers: [small.url, large.url], dataDir: await tempDir() };
  await large.kill();
  let ids: Awaited<ReturnType<typeof submitChecked>>;
  {
    await using app = await startTestApp(options);
    ids = await submitChecked(app, times(1));
    await eventually(async () => (await endedCount(small)) === 2, LIMIT);
    const failures = async () => (await app.app.store.get(ids.ids[0] ?? ""))?.memoryFailures;
    await eventually(async () => (await failures())?.length === 2, LIMIT);
  }
  await using app = await startTestApp(options);
  await eventually(() => app.app.pool.servers[0]?.state === "ready", LIMIT);
  await eventually(
    async () => (await app.app.store.get(ids.ids[0] ?? ""))?.status === "processing",
    LIMIT,
  );
  await large.restart({ ...FAST, ...card(80) });
  const [task] = await ids.completed(app, 60_000);
  expect(task).toMatchObject({ retries: 0 });
  expect(await endedCount(small)).toBe(2);
  expect(await runsOn(large)).toEqual(["success as it is"]);
}, 300_000);

test("a process that takes up a prompt which then runs out of memory goes on in the order", async () => {
  const slow = failing({ count: 2, afterMs: 4_000 });
  await using server = await startCpuServer({ switches: { ...FAST, ...slow } });
  const options = { servers: [server.url], dataDir: await tempDir(), env: await withProfile() };
  let tasks: Awaited<ReturnType<typeof submitChecked>>;
  {
    await using app = await startTestApp(options);
    tasks = await submitChecked(app, times(1));
    const started = async () => (await server.log()).filter(({ event }) => event === "started");
    await eventually(async () => (await started()).length === 2, LIMIT);
  }
  await using app = await startTestApp(options);
  const [task] = await tasks.completed(app, 60_000);
  expect(task).toMatchObject({ retries: 0 });
  expect(await runsOn(server)).toEqual(["error as it is", "error as it is", "success low"]);
}, 300_000);

test("a server that has more and does not come up is waited for as long as any silent server", async () => {
  await using small = await startCpuServer({ switches: { ...FAST, ...failing(), ...card(24) } });
  await using large = await startCpuServer({ switches: { ...FAST, ...card(80) } });
  await using app = await withLargerDown(small, large, { TMLSR_SERVER_LOST_MS: "1000" });
  const [taskId = ""] = (await submitChecked(app, times(1))).ids;
  const task = await app.ended(taskId, 60_000);
  expect(task).toMatchObject({ status: "failed", error_code: "OUT_OF_MEMORY", retries: 0 });
  expect(task.error).toContain(
    `also after the server was freed; of what may have more memory nothing answers: "${large.url}"`,
  );
}, 300_000);
