import { describe, expect, test } from "vitest";
import { eventually } from "../../../support/eventually.js";
import { purge } from "../../../support/purge.js";
import { aRetry, COMPLETED, createOne, FAILED } from "../../../support/task-store-builders.js";
import { NOBODY } from "../../../support/test-app.js";
import { INPUT_URL, useTestApp } from "../../../support/use-test-app.js";

// Health and stats over REST; servers that work are in rest-contract-running.

describe("GET /health", () => {
  const api = useTestApp();

  test("is answered as documented, also while no server can be reached", async () => {
    const answer = await api.get("/health");
    expect([answer.status, answer.text]).toEqual([200, '{"status":"ok"}']);
  });

  test("GET /ready says whether work can be taken and run", async () => {
    const answer = await api.get("/ready");
    expect(answer.status).toBe(503);
    expect(answer.headers["content-type"]).toBe("application/json; charset=utf-8");
    expect(answer.body).toEqual({ ready: false, reason: "No server of the pool is ready" });
  });
});

describe("GET /monitor/stats", () => {
  const api = useTestApp();
  const stats = async () => (await api.get("/monitor/stats")).body;

  test("has the documented fields and those beside them, and nothing else", async () => {
    expect(await stats()).toEqual({
      system: { max_workers: 1, active_workers: 0, queue_size: 0 },
      pool_status: [
        {
          address: NOBODY,
          status: "offline",
          last_active: null,
          task_id: null,
          task_ids: [],
          state: "unknown",
          reason: expect.stringContaining("connection refused"),
          quarantined_until: null,
          loaded_workflow: null,
          devices: [],
          version: null,
          workflows: [],
          missing: [],
          queue_depth: expect.any(Number),
          workflow_quarantines: [],
        },
      ],
      stats: { pending: 0, processing: 0, completed: 0, failed: 0, canceled: 0 },
      tasks: [],
    });
  });

  test("counts by status; queue_size is what is pending, pauses before a retry included", async () => {
    const ids = await Promise.all(Array.from({ length: 6 }, () => api.submit()));
    const [waiting = "", working = "", retried = "", completed = "", failed = "", canceled = ""] =
      ids;
    await api.hold(working);
    await api.store.settle(await api.hold(retried), aRetry({ delayMs: 60_000 }));
    await api.store.settle(await api.hold(completed), COMPLETED);
    await api.store.settle(await api.hold(failed), FAILED);
    await api.store.cancel(canceled);
    const { system, stats: counts, tasks } = await stats();
    expect(counts).toEqual({ pending: 2, processing: 1, completed: 1, failed: 1, canceled: 1 });
    expect(system).toEqual({ max_workers: 1, active_workers: 0, queue_size: 2 });
    const retries = (taskId: string) =>
      tasks.find((task: { task_id: string }) => task.task_id === taskId).retries;
    expect([retries(waiting), retries(retried)]).toEqual([0, 1]);
  });

  test("counts as processing what downloads, be it more than there are servers", async () => {
    const ids = await Promise.all([api.submit(), api.submit()]);
    for (const taskId of ids) await api.hold(taskId);
    const { system, stats: counts } = await stats();
    expect(counts.processing).toBeGreaterThan(system.max_workers);
    expect(system.active_workers).toBe(0);
  });

  test("counts what has ended since the store was made: retention does not lower it", async () => {
    const before = (await stats()).stats;
    const { completed, failed, canceled } = before;
    let purgedCount = 0;
    await eventually(async () => {
      purgedCount += await purge(api.store, 0, 100);
      return purgedCount === completed + failed + canceled;
    });
    expect((await stats()).stats).toEqual(before);
  });

  test("shows the 50 newest tasks, the newest first, as GET /tasks/{task_id} does but for query strings", async () => {
    const ids: string[] = [];
    for (let count = 0; count < 55; count++)
      ids.unshift(
        (await createOne(api.store, { params: { url: `${INPUT_URL}?sig=secret` } })).taskId,
      );
    const { tasks } = await stats();
    expect(tasks.map(({ task_id }: { task_id: string }) => task_id)).toEqual(ids.slice(0, 50));
    const { params, ...newest } = await api.task(ids[0] ?? "");
    expect(tasks[0]).toEqual({ ...newest, params: { ...params, url: `${INPUT_URL}?***` } });
    expect(newest.retries).toBe(0);
    expect(tasks[0]).not.toHaveProperty("temp_dir");
  });

  test.todo("stays cheap with a million tasks stored: that is measured by npm run bench");
});

describe("with several servers, of which none can be reached", () => {
  const api = useTestApp({
    servers: ["http://user:password@127.0.0.1:1/?token=secret", "http://127.0.0.1:2"],
  });

  test("max_workers counts them all, and addresses have neither user nor query", async () => {
    const answer = await eventually(async () => {
      const got = await api.get("/monitor/stats");
      return (
        got.body.pool_status.every(({ reason }: { reason: unknown }) => reason !== null) && got
      );
    });
    expect(answer.text).not.toMatch(/secret|password|user/);
    const { system, pool_status } = answer.body;
    expect(system).toMatchObject({ max_workers: 2, active_workers: 0 });
    expect(pool_status).toMatchObject([
      { address: "http://127.0.0.1:1", status: "offline" },
      { address: "http://127.0.0.1:2", status: "offline" },
    ]);
  });
});
