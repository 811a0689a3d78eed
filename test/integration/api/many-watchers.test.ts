import { describe, expect, test } from "vitest";
import { openEvents } from "../../support/event-stream.js";
import { eventually } from "../../support/eventually.js";
import { useTestApp } from "../../support/use-test-app.js";

/** How often at most the store is read for those who ask for the stats. */
const SAMPLE_MS = 100;
const STREAM_COUNT = 100;
const INTERVAL_SECONDS = 0.1;

describe("the stats, asked for by many", () => {
  const api = useTestApp();

  /** How often the store was asked for a list since the start, by the service's own metrics. */
  async function listCount(): Promise<number> {
    const { text } = await api.get("/metrics");
    const name = /^tmlsr_store_call_duration_seconds_count\{call="list"\} (\d+)$/m;
    return Number(name.exec(text)?.[1]);
  }

  test("streams share one look at the store, over REST and gRPC, and all see each change", async () => {
    const before = await listCount();
    const startedAtMs = performance.now();
    const path = `/monitor/stats:watch?interval_seconds=${INTERVAL_SECONDS}`;
    const events = await Promise.all(
      Array.from({ length: STREAM_COUNT }, () => openEvents(api.app.url + path)),
    );
    const grpc = Array.from({ length: STREAM_COUNT }, () =>
      api.app.grpc.monitor
        .watchStats({ intervalSeconds: INTERVAL_SECONDS })
        [Symbol.asyncIterator](),
    );
    const pendingCounts = async (): Promise<number[]> => [
      ...(await Promise.all(events.map(async (each) => (await each.take()).data.stats.pending))),
      ...(await Promise.all(
        grpc.map(async (each) => (await each.next()).value.stats.stats.pending),
      )),
    ];
    expect(new Set(await pendingCounts())).toEqual(new Set([0]));
    for (const count of [1, 2, 3]) {
      await api.submit();
      expect(new Set(await pendingCounts())).toEqual(new Set([count]));
    }
    for (const each of grpc) await each.return?.();
    const elapsedMs = performance.now() - startedAtMs;
    expect((await listCount()) - before).toBeLessThanOrEqual(2 + elapsedMs / SAMPLE_MS);
  });

  test("clients that ask without a pause share looks, too", async () => {
    const before = await listCount();
    const startedAtMs = performance.now();
    const client = async () => {
      for (let count = 0; count < 20; count += 1)
        expect((await api.get("/monitor/stats")).status).toBe(200);
    };
    await Promise.all(Array.from({ length: 20 }, client));
    const elapsedMs = performance.now() - startedAtMs;
    expect((await listCount()) - before).toBeLessThanOrEqual(2 + elapsedMs / SAMPLE_MS);
  });

  test("whoever has just created or canceled a task sees it", async () => {
    for (let count = 0; count < 10; count += 1) {
      const taskId = await api.submit();
      const created = await api.get("/monitor/stats");
      expect(created.body.tasks[0]).toMatchObject({ task_id: taskId, status: "pending" });
      await api.call("DELETE", `/tasks/${taskId}`);
      const canceled = await api.get("/monitor/stats");
      expect(canceled.body.tasks[0]).toMatchObject({ task_id: taskId, status: "canceled" });
    }
  });

  test("a long list is answered in turns with others", async () => {
    const ids: string[] = [];
    for (let count = 0; count < 300; count += 1) ids.unshift(await api.submit());
    let isListed = false;
    const listing = api.get("/tasks?page_size=500").finally(() => {
      isListed = true;
    });
    let answeredCount = 0;
    await eventually(async () => {
      if ((await api.get("/health")).status === 200 && !isListed) answeredCount += 1;
      return isListed;
    });
    const { body } = await listing;
    expect(body.tasks.slice(0, 300).map((task: { task_id: string }) => task.task_id)).toEqual(ids);
    expect(answeredCount).toBeGreaterThan(1);
  });
});
