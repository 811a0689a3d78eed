import { describe, expect, test } from "vitest";
import { INPUT_URL, useTestApp } from "../../../support/use-test-app.js";

const api = useTestApp();

const fieldsOf = ({ errors }: { errors: { field: string }[] }) => errors.map(({ field }) => field);

async function submit(labels: object): Promise<string> {
  const { status, body } = await api.post({ url: INPUT_URL, type: "image", labels });
  expect(status).toBe(200);
  return body.task_id;
}

async function listed(query: string): Promise<string[]> {
  const { status, body } = await api.get(`/tasks?${query}`);
  expect(status).toBe(200);
  return body.tasks.map(({ task_id }: { task_id: string }) => task_id);
}

describe("labels", () => {
  test("are shown with their task, and none as an empty object", async () => {
    const taskId = await submit({ project: "a:b c", "x.y-z_0": "" });
    const { body } = await api.get(`/tasks/${taskId}`);
    expect(body.labels).toEqual({ project: "a:b c", "x.y-z_0": "" });
    const bare = await api.get(`/tasks/${await submit({})}`);
    expect(bare.body.labels).toEqual({});
  });

  test("choose the tasks of a list: all must hold, with the status too", async () => {
    const both = await submit({ project: "one", user: "a:b" });
    const one = await submit({ project: "one" });
    expect(await listed("label=project:one")).toEqual([one, both]);
    expect(await listed("label=project:one&label=user:a%3Ab")).toEqual([both]);
    expect(await listed("label=project:one&status=pending&page_size=1")).toEqual([one]);
    expect(await listed("label=project:one&status=failed")).toEqual([]);
    expect(await listed("label=project:")).toEqual([]);
  });

  test("choose the tasks of the stats, and what waits", async () => {
    const both = await submit({ batch: "two", user: "a:b" });
    const one = await submit({ batch: "two" });
    const stats = async (query: string) => (await api.get(`/monitor/stats?${query}`)).body;
    const none = { pending: 0, processing: 0, completed: 0, failed: 0, canceled: 0 };
    const labeled = await stats("label=batch:two");
    expect(labeled).toMatchObject({
      system: { max_workers: 1, queue_size: 2 },
      stats: { ...none, pending: 2 },
    });
    const ids = labeled.tasks.map(({ task_id }: { task_id: string }) => task_id);
    expect(ids).toEqual([one, both]);
    const exact = await stats("label=batch:two&label=user:a%3Ab");
    expect(exact.stats).toEqual({ ...none, pending: 1 });
    expect((await stats("label=batch:three")).stats).toEqual(none);
    expect((await api.get("/monitor/stats?label=none")).status).toBe(400);
  });

  test("are refused where they are too many, too long or not of the form", async () => {
    const nine = Object.fromEntries(Array.from({ length: 9 }, (_, at) => [`k${at}`, "v"]));
    for (const labels of [nine, { Upper: "x" }, { "": "x" }, { k: "v".repeat(256) }, { k: 1 }]) {
      const { status, body } = await api.post({ url: INPUT_URL, labels });
      expect(status).toBe(400);
      expect(fieldsOf(body)[0]).toMatch(/^labels/);
    }
    for (const label of ["none", ":x", "UPPER:x"]) {
      const { status, body } = await api.get(`/tasks?label=${label}`);
      expect(status).toBe(400);
      expect(fieldsOf(body)).toEqual(["label[0]"]);
    }
  });
});
