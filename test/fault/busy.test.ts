import { expect, test } from "vitest";
import { type CheckedTasks, submitChecked, times } from "../support/checked-tasks.js";
import { startCpuServer, type TestCpuServer } from "../support/cpu-server.js";
import { eventually } from "../support/eventually.js";
import { startOrigin } from "../support/http-origin.js";
import { queueLengths } from "../support/runs.js";
import { startTestApp, type TestApp } from "../support/test-app.js";

const FAST = { simulate: { steps: 4, stepMs: 10 }, modelLoadMs: 100 };
/** Until the switch is set otherwise. */
const LONG = { simulate: { steps: 10_000, stepMs: 20 }, modelLoadMs: 100 };
const TWO = ["cpu_image_2x", "cpu_image_4x"];

const log = async (server: TestCpuServer) => await server.log().catch(() => []);

async function modelLoads(servers: readonly TestCpuServer[]): Promise<number> {
  const logs = await Promise.all(servers.map(log));
  return logs.reduce((sum, entries) => sum + (entries.at(-1)?.modelLoads ?? 0), 0);
}

/** Runs tasks of two workflows on two servers that have begun with one each. @returns how often a model was loaded */
async function loadsFor(workflows: readonly string[]): Promise<number> {
  await using first = await startCpuServer({ switches: LONG });
  await using second = await startCpuServer({ switches: LONG });
  const servers = [first, second];
  const env = { TMLSR_PREFETCH: "40" };
  await using app = await startTestApp({ servers: servers.map(({ url }) => url), env });
  const begun: CheckedTasks[] = [];
  for (const workflow of TWO) {
    begun.push(await submitChecked(app, [workflow]));
    await eventually(async () => (await runningCount(servers)) === begun.length);
  }
  const tasks = await submitChecked(app, workflows);
  await inputsAtHand(app, tasks.ids, tasks.ids.length);
  for (const server of servers) await server.set(FAST);
  for (const each of [...begun, tasks]) await each.completed(app);
  expect(await tasks.ranOnce(servers)).toBe(0);
  return await modelLoads(servers);
}

async function runningCount(servers: readonly TestCpuServer[]): Promise<number> {
  const queues = await Promise.all(servers.map(queueLengths));
  return queues.reduce((sum, { running }) => sum + running, 0);
}

/** Waits until the inputs of so many tasks have been fetched. */
async function inputsAtHand(app: TestApp, ids: readonly string[], count: number): Promise<void> {
  await eventually(async () => {
    const tasks = await Promise.all(ids.map((taskId) => app.app.store.get(taskId)));
    return tasks.filter((task) => task?.stages.download?.status === "success").length >= count;
  });
}

test("two workflows alternating on two servers: each keeps its models", async () => {
  const loads = await loadsFor(times(40).map((_, index) => TWO[index % 2] ?? ""));
  expect(loads).toBeLessThanOrEqual(3);
});

test("two workflows shuffled on two servers: hardly a model is loaded again", async () => {
  // A fixed shuffle: the bits of a square.
  const loads = await loadsFor(
    times(40).map((_, index) => TWO[((index * index * 7 + index * 3) % 11) % 2] ?? ""),
  );
  expect(loads).toBeLessThanOrEqual(4);
});

test("a second prompt is queued on a server once the workflow is known to be short, and not before", async () => {
  await using server = await startCpuServer({ switches: { simulate: { steps: 20, stepMs: 50 } } });
  await using app = await startTestApp({ servers: [server.url] });
  const tasks = await submitChecked(app, times(4));
  await eventually(async () => (await queueLengths(server)).running === 1);
  let mostPending = 0;
  await eventually(async () => {
    const { pending } = await queueLengths(server);
    const hasEnded = (await log(server)).some(({ event }) => event === "ended");
    if (!hasEnded) mostPending = Math.max(mostPending, pending);
    return hasEnded;
  });
  expect(mostPending).toBe(0);
  await server.set(LONG);
  await eventually(async () => {
    const { running, pending } = await queueLengths(server);
    return running === 1 && pending === 1;
  });
  await server.set(FAST);
  await tasks.completed(app);
  expect(await tasks.ranOnce([server])).toBe(0);
});

test("no more inputs are fetched ahead than configured", async () => {
  await using server = await startCpuServer({ switches: { simulate: { steps: 600, stepMs: 50 } } });
  await using app = await startTestApp({ servers: [server.url], env: { TMLSR_PREFETCH: "2" } });
  const tasks = await submitChecked(app, times(10));
  const leased = async () => {
    const all = await Promise.all(tasks.ids.map((taskId) => app.app.store.get(taskId)));
    return all.filter((task) => task?.stages.download !== undefined).length;
  };
  await eventually(async () => (await leased()) === 3);
  await eventually(async () => (await queueLengths(server)).running === 1);
  expect(await leased()).toBe(3);
  await server.set({ simulate: { steps: 1, stepMs: 1 } });
  for (const taskId of tasks.ids) await app.rest("DELETE", `/tasks/${taskId}`);
});

test("inputs that do not come keep no server from those that do", async () => {
  await using server = await startCpuServer({ switches: FAST });
  await using app = await startTestApp({ servers: [server.url], env: { TMLSR_PREFETCH: "2" } });
  const silent = await startOrigin(() => undefined);
  const stuck: string[] = [];
  for (const name of times(8))
    stuck.push(await app.submit({ type: "image", workflow: name, url: `${silent.url}/in.png` }));
  const tasks = await submitChecked(app, times(2));
  await tasks.completed(app);
  for (const taskId of stuck) {
    expect((await app.app.store.get(taskId))?.finishedAt).toBeUndefined();
    await app.rest("DELETE", `/tasks/${taskId}`);
  }
});

test("a task of another workflow is passed over no more often than configured", async () => {
  await using server = await startCpuServer({ switches: FAST });
  await using app = await startTestApp({
    servers: [server.url],
    env: {
      ...{ TMLSR_MAX_BYPASS_COUNT: "3", TMLSR_MAX_BYPASS_SECONDS: "600" },
      TMLSR_PREFETCH: "20",
    },
  });
  await (await submitChecked(app, times(1))).completed(app);
  await server.set(LONG);
  const blocker = await submitChecked(app, times(1));
  await eventually(async () => (await queueLengths(server)).running === 1);
  // A task is passed only while its own input is at hand.
  const older = await submitChecked(app, ["cpu_image_4x"]);
  await inputsAtHand(app, older.ids, 1);
  const tasks = await submitChecked(app, times(12));
  await inputsAtHand(app, tasks.ids, tasks.ids.length);
  await server.set({ simulate: { steps: 20, stepMs: 25 } });
  await blocker.completed(app);
  await older.completed(app, 60_000);
  await tasks.completed(app, 60_000);
  const order = (await log(server))
    .filter(({ event }) => event === "started")
    .map(({ taskId }) => taskId);
  const [other = ""] = older.ids;
  const passedBy = order
    .slice(0, order.indexOf(other))
    .filter((id) => tasks.ids.includes(id ?? ""));
  expect(passedBy.length).toBeGreaterThan(0);
  expect(passedBy.length).toBeLessThanOrEqual(3);
});

test("tasks run by priority, then by age", async () => {
  await using server = await startCpuServer({ switches: LONG });
  await using app = await startTestApp({ servers: [server.url], env: { TMLSR_PREFETCH: "1" } });
  const first = await submitChecked(app, times(1));
  await eventually(async () => (await queueLengths(server)).running === 1);
  const normal = await submitChecked(app, times(3), { priority: 1 });
  const high = await submitChecked(app, times(3), { priority: 2 });
  await server.set({ simulate: { steps: 10, stepMs: 50 } });
  await first.completed(app);
  await high.completed(app);
  await normal.completed(app);
  const order = (await log(server))
    .filter(({ event }) => event === "started")
    .map(({ taskId }) => taskId);
  const highOrder = order.filter((id) => high.ids.includes(id ?? ""));
  expect(highOrder).toEqual(high.ids);
  expect(order.filter((id) => normal.ids.includes(id ?? ""))).toEqual(normal.ids);
  // What was fetched ahead already goes before.
  expect(order.indexOf(high.ids[2] ?? "")).toBeLessThan(order.indexOf(normal.ids[2] ?? ""));
});

test("tasks whose inputs are at hand come to the server by age, however long each is in sending", async () => {
  await using server = await startCpuServer({ switches: { simulate: { steps: 999, stepMs: 50 } } });
  await using app = await startTestApp({ servers: [server.url], env: { TMLSR_PREFETCH: "10" } });
  const [blocker = ""] = (await submitChecked(app, times(1))).ids;
  await eventually(async () => (await queueLengths(server)).running === 1);
  const tasks = await submitChecked(app, times(10));
  await inputsAtHand(app, tasks.ids, tasks.ids.length);
  // The second one's input is long in coming to the server: what may be queued beside it comes quickly.
  const slow = { path: "/upload/image", fault: "delay", ms: 500, count: 2 } as const;
  await server.set({ simulate: { steps: 2, stepMs: 50 }, http: [slow] });
  await app.rest("DELETE", `/tasks/${blocker}`);
  await tasks.completed(app);
  const order = (await log(server))
    .filter(({ event }) => event === "submitted")
    .map(({ taskId }) => taskId);
  expect(order).toEqual([blocker, ...tasks.ids]);
});

test("with both servers free and one task each, both work", async () => {
  await using first = await startCpuServer({ switches: FAST });
  await using second = await startCpuServer({ switches: FAST });
  await using app = await startTestApp({ servers: [first.url, second.url] });
  await (await submitChecked(app, times(4))).completed(app);
  await first.set(LONG);
  await second.set(LONG);
  const tasks = await submitChecked(app, times(2));
  await eventually(async () => {
    const queues = await Promise.all([first, second].map(queueLengths));
    return queues.every(({ running }) => running === 1);
  });
  await first.set({ simulate: { steps: 1, stepMs: 1 } });
  await second.set({ simulate: { steps: 1, stepMs: 1 } });
  await tasks.completed(app);
});

test("an origin that asks to be left alone is, but not for ever", async () => {
  await using server = await startCpuServer({ switches: FAST });
  await using app = await startTestApp({ servers: [server.url] });
  const origin = await startOrigin((_request, response) => {
    response.writeHead(503, { "retry-after": "100000000" }).end();
  });
  const taskId = await app.submit({
    type: "image",
    workflow: "cpu_image_2x",
    url: `${origin.url}/a.png`,
  });
  const task = await eventually(async () => {
    const found = await app.app.store.get(taskId);
    return found?.attempt === 2 ? found : false;
  });
  const pauseMs = task.dueAt.getTime() - task.createdAt.getTime();
  expect(pauseMs).toBeGreaterThan(600_000);
  expect(pauseMs).toBeLessThan(2 * 3_600_000);
});
