import { describe, expect, test } from "vitest";
import { openEvents, openLines } from "../../../support/event-stream.js";
import { COMPLETED } from "../../../support/task-store-builders.js";
import { tempDir } from "../../../support/temp-dir.js";
import { startTestApp } from "../../../support/test-app.js";
import { expectProblem, useTestApp } from "../../../support/use-test-app.js";

// The stream of many tasks over REST and gRPC.

const api = useTestApp();

const url = (query: string) => `${api.app.url}/tasks:watch?${query}`;

describe("GET /tasks:watch", () => {
  test("sends what is there, then what changes, and once what leaves the filter", async () => {
    const labels = { job: "leaves" };
    const taskId = await api.submit({ labels });
    await api.submit({ labels: { job: "another" } });
    const events = await openEvents(url("label=job:leaves&status=pending&status=processing&_=1"));
    const first = await events.take();
    expect(first).toMatchObject({ event: "message", id: first.data.cursor });
    expect(first.data).toEqual({
      ...{ task: await api.task(taskId), gone: false, cursor: expect.any(String) },
    });
    const fence = await api.hold(taskId);
    expect((await events.take()).data).toMatchObject({ task: { status: "processing" } });
    await api.store.settle(fence, COMPLETED);
    const last = await events.take();
    expect(last.data).toMatchObject({ task: { status: "completed" }, gone: true });
    expect(last.data.task).toEqual(await api.task(taskId));
  });

  test("goes on behind Last-Event-ID, and tells of what was deleted meanwhile", async () => {
    const [kept, deleted] = [await api.submit(), await api.submit()];
    const path = url(`id=${kept}&id=${deleted}&id=unknown`);
    const before = await openLines(path);
    const seen = [await before.take(), await before.take()];
    expect(seen.map(({ task }) => task.task_id)).toEqual([deleted, kept]);
    before.close();
    for (const taskId of [kept, deleted]) await api.call("DELETE", `/tasks/${taskId}`);
    await api.store.deleteEnded([deleted]);
    const events = await openEvents(path, { "last-event-id": seen[1]?.cursor });
    const told = [await events.take(), await events.take()].map(({ data }) => data);
    expect(told[0]).toMatchObject({ task: { task_id: kept, status: "canceled" }, gone: false });
    expect(told[1]).toMatchObject({ task: { task_id: deleted, status: "canceled" }, gone: true });
  });

  test("hides the query strings of input URLs, as the list does", async () => {
    const taskId = await api.submit({ url: "https://example.com/a.jpg?secret=1" });
    const lines = await openLines(url(`id=${taskId}`));
    expect((await lines.take()).task.params.url).toBe("https://example.com/a.jpg?***");
  });

  test.each([
    ["status=unknown", "INVALID_REQUEST"],
    ["label=nokey", "INVALID_REQUEST"],
    ["cursor=0", "CURSOR_EXPIRED"],
  ])("refuses %s", async (query, code) => {
    expectProblem(await api.get(`/tasks:watch?${query}`), { status: 400, code });
  });

  test("is served over gRPC", async () => {
    const taskId = await api.submit();
    const stop = new AbortController();
    const stream = api.app.grpc.tasks.watchTasks({ id: [taskId] }, { signal: stop.signal });
    const iterator = stream[Symbol.asyncIterator]();
    const { value } = await iterator.next();
    expect(value).toMatchObject({ gone: false, task: { taskId } });
    stop.abort();
    await iterator.next().catch(() => undefined);
  });

  test("goes on where it was after a restart of the service", async () => {
    const dataDir = await tempDir();
    const request = { url: "https://example.com/a.jpg" };
    let cursor = "";
    let taskId = "";
    {
      await using service = await startTestApp({ dataDir });
      taskId = await service.submit(request);
      const lines = await openLines(`${service.url}/tasks:watch`);
      ({ cursor } = await lines.take());
      const end = lines.rest();
      await service.app.api.close({ graceMs: 5_000 });
      expect(await end).toMatchObject([{ code: "SHUTTING_DOWN" }]);
      await service.app.store.cancel(taskId);
    }
    await using service = await startTestApp({ dataDir });
    const lines = await openLines(`${service.url}/tasks:watch?cursor=${cursor}`);
    expect(await lines.take()).toMatchObject({ task: { task_id: taskId, status: "canceled" } });
    lines.close();
  });
});
