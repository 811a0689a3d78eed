import { describe, expect, test } from "vitest";
import { eventually } from "../../../support/eventually.js";
import { COMPLETED } from "../../../support/task-store-builders.js";
import { startTestApp } from "../../../support/test-app.js";
import { INPUT_URL, useTestApp } from "../../../support/use-test-app.js";

// A client that would rather wait for its task than ask again.

const api = useTestApp();

const newest = async () => (await api.get("/tasks?page_size=1")).body.tasks[0];

describe("Prefer: wait=N on POST /tasks", () => {
  test.each(["wait=60", "respond-async, wait=60", 'return=minimal, Wait = "60"; foo'])(
    "answers with the task once it has ended: %s",
    async (prefer) => {
      const labels = { wait: String(prefer.length) };
      const answer = api.post({ url: INPUT_URL, labels }, { prefer });
      const taskId = await eventually(async () => {
        const task = await newest();
        return task?.labels.wait === labels.wait ? String(task.task_id) : false;
      });
      await api.store.settle(await api.hold(taskId), COMPLETED);
      const { status, headers, body } = await answer;
      expect(status).toBe(200);
      expect(headers["preference-applied"]).toBe("wait=60");
      expect(headers["content-type"]).toBe("application/json; charset=utf-8");
      expect(body).toEqual(await api.task(taskId));
      expect(body.status).toBe("completed");
    },
  );

  test("answers as usual when the time is over", async () => {
    const { body, headers } = await api.post({ url: INPUT_URL }, { prefer: "wait=1" });
    expect(body).toEqual({ status: "ok", task_id: expect.any(String) });
    expect(headers).not.toHaveProperty("preference-applied");
  });

  test.each(["wait=0", "wait=61", "wait=x", "wait", "await=5", ""])(
    "ignores what is no such preference: %j",
    async (prefer) => {
      const { body, headers } = await api.post({ url: INPUT_URL }, { prefer });
      expect(body).toEqual({ status: "ok", task_id: expect.any(String) });
      expect(headers).not.toHaveProperty("preference-applied");
    },
  );

  test("answers a bad request at once", async () => {
    const answer = await api.post({ url: "" }, { prefer: "wait=60" });
    expect(answer.status).toBe(400);
  });

  test("answers as usual when the service stops", async () => {
    await using service = await startTestApp();
    const answer = fetch(`${service.url}/tasks`, {
      method: "POST",
      headers: { prefer: "wait=60", "content-type": "application/json" },
      body: JSON.stringify({ url: INPUT_URL }),
    });
    await eventually(async () => (await service.app.store.counts()).pending === 1);
    await service.app.api.close({ graceMs: 30_000 });
    expect(await (await answer).json()).toMatchObject({ status: "ok" });
  });
});
