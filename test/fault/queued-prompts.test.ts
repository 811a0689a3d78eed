import { expect, test, vi } from "vitest";
import { submitChecked, times } from "../support/checked-tasks.js";
import { startCpuServer, type TestCpuServer } from "../support/cpu-server.js";
import { eventually } from "../support/eventually.js";
import { queueLengths } from "../support/runs.js";
import { startTestApp, type TestApp } from "../support/test-app.js";

vi.setConfig({ testTimeout: 120_000 });
const FAST = { simulate: { steps: 2, stepMs: 5 } };
const SLOW = { simulate: { steps: 3_000, stepMs: 20 } };
/** Ends before a prompt that waits behind it could begin elsewhere. */
const BRIEF = { simulate: { steps: 60, stepMs: 25 } };
const LIMIT = { limitMs: 150_000 };

const stateOf = (app: TestApp, index: number) => app.app.pool.servers[index]?.state;

async function eventsOf(server: TestCpuServer, taskId: string | undefined): Promise<string[]> {
  const log = await server.log().catch(() => []);
  return log.filter((entry) => entry.taskId === taskId).map(({ event }) => event);
}

/** Two tasks of a kind known to be short: one runs on the server, the other one waits behind it. */
async function twoPrompts(app: TestApp, server: TestCpuServer) {
  const tasks = await submitChecked(app, times(2));
  await eventually(async () => {
    const { running, pending } = await queueLengths(server);
    return running === 1 && pending === 1;
  }, LIMIT);
  const [waiting, running] = (await eventsOf(server, tasks.ids[0])).includes("started")
    ? [tasks.ids[1], tasks.ids[0]]
    : tasks.ids;
  return { tasks, waiting: waiting ?? "", running: running ?? "" };
}

test("a prompt that waits behind a long one moves to a server that becomes free, and runs once", async () => {
  await using busy = await startCpuServer({ switches: FAST });
  await using free = await startCpuServer();
  await free.kill();
  await using app = await startTestApp({ servers: [busy.url, free.url] });
  await (await submitChecked(app, times(1))).completed(app);
  await busy.set(SLOW);
  const { tasks, waiting, running } = await twoPrompts(app, busy);
  await free.restart(FAST);
  expect(await app.ended(waiting, 60_000)).toMatchObject({ status: "completed", retries: 0 });
  expect(await queueLengths(busy)).toEqual({ running: 1, pending: 0 });
  expect(await eventsOf(busy, waiting)).toEqual(["submitted", "deleted"]);
  expect(await eventsOf(free, waiting)).toEqual(["submitted", "started", "ended"]);
  await busy.set(FAST);
  await app.rest("DELETE", `/tasks/${running}`);
  await eventually(async () => (await queueLengths(busy)).running === 0, LIMIT);
  await (await submitChecked(app, times(4))).completed(app);
  expect(tasks.ids).toHaveLength(2);
});

test("a prompt stays behind one that ends before it could begin elsewhere", async () => {
  await using busy = await startCpuServer({ switches: BRIEF });
  await using free = await startCpuServer();
  await free.kill();
  await using app = await startTestApp({ servers: [busy.url, free.url] });
  await (await submitChecked(app, times(3))).completed(app);
  await busy.kill();
  await free.restart(SLOW);
  const [other] = (await submitChecked(app, ["cpu_image_4x"])).ids;
  await eventually(async () => (await eventsOf(free, other)).includes("started"), LIMIT);
  await busy.restart(BRIEF);
  await eventually(() => stateOf(app, 0) === "ready", LIMIT);
  const { tasks, waiting } = await twoPrompts(app, busy);
  await app.rest("DELETE", `/tasks/${other}`);
  await tasks.completed(app);
  expect(await eventsOf(busy, waiting)).toEqual(["submitted", "started", "ended"]);
  expect(await tasks.ranOnce([busy, free])).toBe(0);
});

test("a prompt that begins while it is taken back runs where it is, once", async () => {
  await using busy = await startCpuServer({ switches: FAST });
  await using free = await startCpuServer();
  await free.kill();
  await using app = await startTestApp({ servers: [busy.url, free.url] });
  await (await submitChecked(app, times(1))).completed(app);
  await busy.set(SLOW);
  const { waiting, running } = await twoPrompts(app, busy);
  const slow = {
    path: "/queue",
    method: "POST",
    fault: "delay",
    when: "before",
    ms: 3_000,
  } as const;
  await busy.set({ http: [{ ...slow, count: 1 }] });
  await free.restart(FAST);
  await eventually(() => (app.app.pool.servers[1]?.held.size ?? 0) > 0, LIMIT);
  await busy.set(FAST);
  await app.rest("DELETE", `/tasks/${running}`);
  expect(await app.ended(waiting, 60_000)).toMatchObject({ status: "completed", retries: 0 });
  expect(await eventsOf(busy, waiting)).toEqual(["submitted", "started", "ended"]);
  expect(await eventsOf(free, waiting)).toEqual([]);
  await eventually(() => app.app.pool.servers[1]?.held.size === 0, LIMIT);
});
