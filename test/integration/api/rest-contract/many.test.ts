import { describe, expect, test } from "vitest";
import { INPUT_URL, useTestApp } from "../../../support/use-test-app.js";

// Requests for many tasks at once, and for a task again.

const api = useTestApp();
const aTask = (more: object = {}) => ({ url: INPUT_URL, type: "image", ...more });

const batch = (tasks: unknown, headers: Record<string, string> = {}) =>
  api.call("POST", "/tasks:batch", { body: { tasks }, headers });
const cancel = (body: object) => api.call("POST", "/tasks:cancel", { body });
const retry = (taskId: string) => api.call("POST", `/tasks/${taskId}:retry`);
const statusOf = async (taskId: string) => (await api.task(taskId)).status;

describe("POST /tasks:batch", () => {
  test("stores all tasks, in the order of the request", async () => {
    const { status, body } = await batch([aTask({ priority: 2 }), aTask({ labels: { n: "1" } })]);
    expect(status).toBe(200);
    expect(body).toEqual({ status: "ok", task_ids: [expect.any(String), expect.any(String)] });
    const [first, second] = await Promise.all(body.task_ids.map((id: string) => api.task(id)));
    expect([first.priority, second.labels]).toEqual([2, { n: "1" }]);
    expect(second.task_id > first.task_id).toBe(true);
  });

  test("stores none where one is wrong, and names every violation by its index", async () => {
    const { pending } = await api.store.counts();
    const { status, body } = await batch([
      aTask(),
      aTask({ url: "http://10.0.0.1/x" }),
      aTask({ workflow: "none" }),
      aTask({ parameters: { none: 1 } }),
    ]);
    expect(status).toBe(400);
    expect(body.errors.map(({ field }: { field: string }) => field)).toEqual([
      "tasks[1].url",
      "tasks[2].workflow",
      "tasks[3].parameters.none",
    ]);
    expect((await api.store.counts()).pending).toBe(pending);
  });

  test("names what the form forbids by its index too", async () => {
    const { status, body } = await batch([aTask(), { priority: 9 }]);
    expect(status).toBe(400);
    const fields = body.errors.map(({ field }: { field: string }) => field).sort();
    expect(fields).toEqual(["tasks[1].priority", "tasks[1].url"]);
    expect((await batch([])).status).toBe(400);
  });

  test("answers the same request under the same key with the same tasks", async () => {
    const headers = { "idempotency-key": "batch-1" };
    const { body: first } = await batch([aTask(), aTask()], headers);
    const { pending } = await api.store.counts();
    expect((await batch([aTask(), aTask()], headers)).body).toEqual(first);
    expect((await api.store.counts()).pending).toBe(pending);
    const longer = await batch([aTask(), aTask(), aTask()], headers);
    expect(longer.body.task_ids.slice(0, 2)).toEqual(first.task_ids);
    const { status, body } = await batch([aTask(), aTask({ priority: 0 })], headers);
    expect([status, body.code]).toEqual([409, "IDEMPOTENCY_CONFLICT"]);
  });

  test("takes 500 tasks, and a body of several megabytes", async () => {
    const url = `${INPUT_URL}?${"x".repeat(8_000)}`;
    const { status, body } = await batch(Array.from({ length: 500 }, () => aTask({ url })));
    expect([status, body.task_ids?.length]).toEqual([200, 500]);
    expect((await batch(Array.from({ length: 501 }, () => aTask()))).status).toBe(400);
  });

  test("leaves the limit of other requests as it is", async () => {
    const { status } = await api.post(aTask({ parameters: { x: "x".repeat(2 ** 20) } }));
    expect(status).toBe(413);
  });
});

describe("POST /tasks:cancel", () => {
  test("stops the tasks with a label that have not ended, and counts them", async () => {
    const labels = { batch: "to-cancel" };
    const { body } = await batch([aTask({ labels }), aTask({ labels }), aTask({ labels })]);
    const [first] = body.task_ids;
    await api.call("DELETE", `/tasks/${first}`);
    expect((await cancel({ label: "batch:to-cancel" })).body).toEqual({ canceled: 2 });
    for (const taskId of body.task_ids) expect(await statusOf(taskId)).toBe("canceled");
    expect((await cancel({ label: "batch:to-cancel" })).body).toEqual({ canceled: 0 });
  });

  test("stops the tasks that are named, as far as they are there", async () => {
    const taskIds = [await api.submit(), await api.submit(), "none"];
    expect((await cancel({ task_ids: taskIds })).body).toEqual({ canceled: 2 });
    expect(await statusOf(taskIds[1] ?? "")).toBe("canceled");
  });

  test.each([{}, { label: "a:b", task_ids: ["x"] }, { label: "none" }])(
    "refuses %o",
    async (body) => {
      expect((await cancel(body)).status).toBe(400);
    },
  );
});

describe("POST /tasks/{task_id}:retry", () => {
  test("makes a new task of a canceled one, once", async () => {
    const taskId = await api.submit({ type: "image", priority: 2, labels: { a: "b" } });
    await api.call("DELETE", `/tasks/${taskId}`);
    const { status, body } = await retry(taskId);
    expect([status, body.status]).toEqual([200, "ok"]);
    const [old, repeated] = [await api.task(taskId), await api.task(body.task_id)];
    expect(repeated).toMatchObject({ retry_of: taskId, status: "pending", priority: 2 });
    for (const field of ["params", "parameters", "labels", "workflow"] as const)
      expect(repeated[field]).toEqual(old[field]);
    expect(old.retry_of).toBeNull();
    expect((await retry(taskId)).body).toEqual(body);
  });

  test("refuses a task that has not ended, and one that is not there", async () => {
    const { status, body } = await retry(await api.submit());
    expect([status, body.code]).toEqual([400, "TASK_NOT_ENDED"]);
    expect((await retry("none")).status).toBe(404);
  });
});
