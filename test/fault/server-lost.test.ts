import { expect, test } from "vitest";
import { submitChecked, times } from "../support/checked-tasks.js";
import { startCpuServer, type TestCpuServer } from "../support/cpu-server.js";
import { eventually } from "../support/eventually.js";
import { startTestApp } from "../support/test-app.js";

const FAST = { simulate: { steps: 2, stepMs: 5 } };
const SLOW = { simulate: { steps: 2_000, stepMs: 50 } };

const count = async (server: TestCpuServer, event: string, taskId?: string) =>
  (await server.log().catch(() => [])).filter(
    (entry) => entry.event === event && (taskId === undefined || entry.taskId === taskId),
  ).length;

const has = (server: TestCpuServer, event: string, taskId?: string) =>
  eventually(async () => (await count(server, event, taskId)) > 0);

test("a server that dies as it is sent an input: its tasks run when it is back, nothing held against them", async () => {
  await using dying = await startCpuServer({
    switches: { ...FAST, http: [{ path: "/upload/image", fault: "crash" }] },
  });
  await using app = await startTestApp({ servers: [dying.url] });
  const tasks = await submitChecked(app, times(3));
  await dying.ended();
  await dying.restart(FAST);
  for (const task of await tasks.completed(app)) expect(task.retries).toBe(0);
  expect(await tasks.ranOnce([dying])).toBe(0);
});

test("a server killed in mid-prompt that comes back: the lost prompt is run again at once, no attempt spent", async () => {
  await using server = await startCpuServer({ switches: SLOW });
  await using app = await startTestApp({ servers: [server.url] });
  const tasks = await submitChecked(app, times(1));
  await has(server, "started");
  await server.restart(FAST);
  const [task] = await tasks.completed(app);
  expect(task).toMatchObject({ retries: 0 });
  expect(task?.attempts[0]).toMatchObject({ server: server.url, reason: "SERVER_LOST_PROMPT" });
  expect(await tasks.ranOnce([server])).toBe(1);
});

test("a server killed in mid-prompt for good: its tasks run on the other one", async () => {
  await using dying = await startCpuServer({ switches: SLOW });
  await using other = await startCpuServer({ switches: FAST });
  await using app = await startTestApp({
    servers: [dying.url, other.url],
    env: { TMLSR_SERVER_LOST_MS: "5000" },
  });
  const tasks = await submitChecked(app, times(6));
  await has(dying, "started");
  await dying.kill();
  await tasks.completed(app);
  expect(await tasks.ranOnce([dying, other])).toBe(1);
});

test("a server restarted after the prompt's end and before its harvest: the file is taken, nothing runs again", async () => {
  const deaf = { path: "/history/*", fault: "black-hole" } as const;
  await using server = await startCpuServer({
    switches: { ...FAST, ws: "silent", http: [deaf] },
  });
  await using app = await startTestApp({ servers: [server.url] });
  const tasks = await submitChecked(app, times(1));
  await has(server, "ended");
  await server.restart(FAST);
  const [task] = await tasks.completed(app);
  expect(task?.attempts).toHaveLength(1);
  expect(await tasks.ranOnce([server])).toBe(0);
});

test("a black hole: elsewhere after the patience, and its old prompt is canceled when it answers again", async () => {
  await using hole = await startCpuServer({ switches: SLOW });
  await using other = await startCpuServer({ switches: FAST });
  await other.kill();
  await using app = await startTestApp({
    servers: [hole.url, other.url],
    env: { TMLSR_SERVER_LOST_MS: "5000" },
  });
  const tasks = await submitChecked(app, times(1));
  await has(hole, "started");
  const silentSince = Date.now();
  process.kill(hole.pid, "SIGSTOP");
  await other.restart(FAST);
  const [task] = await tasks.completed(app);
  expect(task?.attempts.map(({ server }: { server: string }) => server)).toEqual([
    hole.url,
    other.url,
  ]);
  const [taskId = ""] = tasks.ids;
  const [moved] = (await other.log()).filter((entry) => entry.event === "started");
  expect((moved?.at ?? 0) - silentSince).toBeGreaterThanOrEqual(5_000);
  process.kill(hole.pid, "SIGCONT");
  await eventually(async () =>
    (await hole.log()).some((entry) => entry.taskId === taskId && entry.outcome === "interrupted"),
  );
});

test("a server that comes back with a prompt that was given up: the next one is sent when that is gone, not before", async () => {
  const unyielding = { simulate: { steps: 80, stepMs: 100, uninterruptible: true } };
  await using hole = await startCpuServer({ switches: unyielding });
  await using other = await startCpuServer({ switches: FAST });
  await other.kill();
  await using app = await startTestApp({
    servers: [hole.url, other.url],
    env: { TMLSR_SERVER_LOST_MS: "1500" },
  });
  const tasks = await submitChecked(app, times(1));
  await has(hole, "started");
  process.kill(hole.pid, "SIGSTOP");
  await other.restart(FAST);
  await tasks.completed(app);
  await other.kill();
  const next = await submitChecked(app, times(1));
  process.kill(hole.pid, "SIGCONT");
  await hole.set(FAST);
  await next.completed(app, 60_000);
  const steps = (await hole.log()).map(({ event, taskId }) => `${event} ${taskId}`);
  const endedAt = steps.indexOf(`ended ${tasks.ids[0]}`);
  expect(endedAt).toBeGreaterThan(0);
  expect(steps.indexOf(`submitted ${next.ids[0]}`)).toBeGreaterThan(endedAt);
}, 120_000);

test("a silent server that answers again within the patience goes on with its prompt", async () => {
  await using server = await startCpuServer({ switches: SLOW });
  await using other = await startCpuServer({ switches: FAST });
  await other.kill();
  await using app = await startTestApp({
    servers: [server.url, other.url],
    env: { TMLSR_SERVER_LOST_MS: "600000" },
  });
  const tasks = await submitChecked(app, times(1));
  await has(server, "started");
  process.kill(server.pid, "SIGSTOP");
  await other.restart(FAST);
  await eventually(() => app.app.pool.servers[1]?.state === "ready");
  process.kill(server.pid, "SIGCONT");
  await server.set(FAST);
  await tasks.completed(app);
  expect(await count(other, "submitted")).toBe(0);
  expect(await tasks.ranOnce([server, other])).toBe(0);
});

test("a server that comes back is at work again within seconds", async () => {
  await using server = await startCpuServer({ switches: FAST });
  await using app = await startTestApp({ servers: [server.url] });
  await (await submitChecked(app, times(1))).completed(app);
  await server.kill();
  const tasks = await submitChecked(app, times(2));
  await eventually(() => app.app.pool.servers[0]?.state === "quarantined");
  await server.restart(FAST);
  await eventually(async () => (await count(server, "started")) > 1);
  await tasks.completed(app);
});

test("a server that comes back without its nodes: the tasks wait until it has them again", async () => {
  await using server = await startCpuServer({ switches: SLOW });
  await using app = await startTestApp({ servers: [server.url] });
  const tasks = await submitChecked(app, times(6));
  await has(server, "started");
  const none = { path: "/object_info/*", fault: "answer", status: 200, body: "{}" } as const;
  await server.restart({ ...SLOW, http: [{ ...none, contentType: "application/json" }] });
  const [poolServer] = app.app.pool.servers;
  await eventually(() => poolServer?.capability?.classes.size === 0);
  expect((await app.app.store.counts()).completed).toBeLessThan(6);
  await server.restart(FAST);
  await tasks.completed(app);
  expect((await app.app.store.counts()).failed).toBe(0);
});
