import { afterEach, describe, expect, test, vi } from "vitest";
import { openEvents, openLines } from "../../../support/event-stream.js";
import { aStage, COMPLETED, FAILED } from "../../../support/task-store-builders.js";
import { expectProblem, useTestApp } from "../../../support/use-test-app.js";

// The streams of REST: server-sent events and newline-delimited JSON.

const api = useTestApp();

const url = (path: string) => `${api.app.url}${path}`;

describe("GET /tasks/{task_id}:watch", () => {
  test("sends the task as it is, then each later state, and ends with the last", async () => {
    const taskId = await api.submit();
    const events = await openEvents(url(`/tasks/${taskId}:watch`));
    const first = await events.take();
    expect(first).toMatchObject({ event: "message", id: first.data.cursor });
    expect(first.data.task).toEqual(await api.task(taskId));
    const fence = await api.hold(taskId);
    expect((await events.take()).data.task).toMatchObject({ status: "processing", stages: [] });
    await api.store.updateStage(fence, "download", aStage({ detail: "Starting download..." }));
    expect((await events.take()).data.task.stages).toMatchObject([{ name: "download" }]);
    await api.store.settle(fence, COMPLETED);
    const [last, end, ...more] = await events.rest();
    expect(last?.data.task).toEqual(await api.task(taskId));
    expect(last?.data.task.status).toBe("completed");
    expect(end).toMatchObject({ event: "end" });
    expect(more).toEqual([]);
  });

  test.each([undefined, "*/*", "text/event-stream", "text/event-stream, */*;q=0.1", "text/*"])(
    "sends server-sent events for the Accept %s",
    async (accept) => {
      const taskId = await api.submit();
      const path = url(`/tasks/${taskId}:watch`);
      const { response } = await openEvents(path, accept === undefined ? {} : { accept });
      expect(response.status).toBe(200);
      expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
      expect(response.headers.get("cache-control")).toContain("no-cache");
    },
  );

  test("sends one JSON object a line for the Accept application/x-ndjson", async () => {
    const taskId = await api.submit();
    const lines = await openLines(url(`/tasks/${taskId}:watch`));
    expect(lines.response.headers.get("content-type")).toMatch(/^application\/x-ndjson/);
    const first = await lines.take();
    expect(first).toEqual({ task: await api.task(taskId), cursor: expect.any(String) });
    await api.store.settle(await api.hold(taskId), FAILED);
    const rest = await lines.rest();
    expect(rest.at(-1)).toMatchObject({ task: { status: "failed" } });
  });

  test("ends with the canceled task when it is canceled", async () => {
    const taskId = await api.submit();
    const events = await openEvents(url(`/tasks/${taskId}:watch`));
    await events.take();
    await api.call("DELETE", `/tasks/${taskId}`);
    const rest = await events.rest();
    expect(rest.map(({ event }) => event)).toEqual(["message", "end"]);
    expect(rest[0]?.data.task.status).toBe("canceled");
  });

  test("sends a task that has ended once, whatever the reader knows, and ends", async () => {
    const taskId = await api.submit();
    await api.store.cancel(taskId);
    const path = url(`/tasks/${taskId}:watch`);
    const [only, end] = await (await openEvents(path)).rest();
    expect(only?.data.task.status).toBe("canceled");
    expect(end?.event).toBe("end");
    const again = await (await openEvents(path, { "last-event-id": only?.id ?? "" })).rest();
    expect(again).toEqual([only, end]);
  });

  test.each([
    ["Last-Event-ID", (id: string) => ["", { "last-event-id": id }] as const],
    ["?cursor=", (id: string) => [`?cursor=${id}`, {}] as const],
    [
      "both, of which the query counts",
      (id: string) => [`?cursor=${id}`, { "last-event-id": "0" }] as const,
    ],
  ])("resumes by %s", async (_name, resume) => {
    const taskId = await api.submit();
    const path = url(`/tasks/${taskId}:watch`);
    const before = await openEvents(path);
    const { id = "" } = await before.take();
    before.close();
    const [query, headers] = resume(id);
    const events = await openEvents(path + query, headers);
    const next = events.take();
    const fence = await api.hold(taskId);
    // Not the state that was seen before, which would come first.
    expect((await next).data.task.status).toBe("processing");
    await api.store.settle(fence, COMPLETED);
    expect((await events.rest()).map(({ event }) => event)).toEqual(["message", "end"]);
  });

  test("sends what was missed at once when it resumes", async () => {
    const taskId = await api.submit();
    const path = url(`/tasks/${taskId}:watch`);
    const before = await openEvents(path);
    const { id = "" } = await before.take();
    before.close();
    const fence = await api.hold(taskId);
    await api.store.updateStage(fence, "download", aStage({ detail: "missed" }));
    const events = await openEvents(path, { "last-event-id": id });
    expect((await events.take()).data.task).toEqual(await api.task(taskId));
    await api.store.settle(fence, FAILED);
  });

  test.each(["x", "-1", "1.5"])("refuses a cursor that is none: %s", async (cursor) => {
    const taskId = await api.submit();
    const answer = await api.get(`/tasks/${taskId}:watch?cursor=${cursor}`);
    expectProblem(answer, { status: 400, code: "INVALID_REQUEST" });
    expect(answer.body.errors).toMatchObject([{ field: "cursor" }]);
  });

  test("is answered to HEAD without a stream", async () => {
    const taskId = await api.submit();
    const answer = await api.call("HEAD", `/tasks/${taskId}:watch`);
    expect([answer.status, answer.text]).toEqual([200, ""]);
    expect(answer.headers["content-type"]).toBe("text/event-stream; charset=utf-8");
  });
});

describe("a stream in which nothing happens", () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  test("has comments as heartbeats, and nothing but JSON as NDJSON", async () => {
    const taskId = await api.submit();
    const path = url(`/tasks/${taskId}:watch`);
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    const events = await openEvents(path);
    const lines = await openLines(path);
    await events.take();
    await lines.take();
    for (let count = 0; count < 3; count++) {
      vi.advanceTimersByTime(15_000);
      expect(await events.take()).toMatchObject({ comment: "heartbeat" });
    }
    await api.store.cancel(taskId);
    expect(await lines.rest()).toMatchObject([{ task: { status: "canceled" } }]);
  });
});

describe("GET /monitor/stats:watch", () => {
  test("sends the stats at once, and again when they have changed", async () => {
    const events = await openEvents(url("/monitor/stats:watch?interval_seconds=0.1"));
    const { data } = await events.take();
    expect(data).toEqual((await api.get("/monitor/stats")).body);
    await api.submit();
    const next = await events.take();
    expect(next.data.stats.pending).toBe(data.stats.pending + 1);
    events.close();
  });

  test("sends one JSON object a line for the Accept application/x-ndjson", async () => {
    const lines = await openLines(url("/monitor/stats:watch"));
    expect(Object.keys(await lines.take())).toEqual(["system", "pool_status", "stats", "tasks"]);
    lines.close();
  });

  test.each(["-1", "61", "x"])("refuses the interval %s", async (interval) => {
    const answer = await api.get(`/monitor/stats:watch?interval_seconds=${interval}`);
    expectProblem(answer, { status: 400, code: "INVALID_REQUEST" });
    expect(answer.body.errors).toMatchObject([{ field: "interval_seconds" }]);
  });
});
