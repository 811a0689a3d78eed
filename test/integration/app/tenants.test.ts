import { MongoClient } from "mongodb";
import { expect, test, vi } from "vitest";
import type { NewTask } from "../../../src/store/task-intake.js";
import type { TaskStore } from "../../../src/store/task-store.js";
import { addKey, bearer, startAccessApp } from "../../support/access-app.js";
import { startCpuServer } from "../../support/cpu-server.js";
import { eventually } from "../../support/eventually.js";
import { describeWithMongo, uriOf } from "../../support/mongo.js";
import { seedTasks } from "../../support/mongo-seed.js";
import { aPicture, serve } from "../../support/pictures.js";
import type { TestApp } from "../../support/test-app.js";

// The database may be an emulated one.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 120_000 });

const BACKLOG_COUNT = 10_000;
const BATCH_COUNT = 500;
const LIMIT_MS = 120_000;

test("a tenant's task begins soon behind the 10,000 of another, on the embedded store", async () => {
  await expectTurn({}, async (store, task) => {
    for (let done = 0; done < BACKLOG_COUNT; done += BATCH_COUNT)
      await store.createTogether(Array.from({ length: BATCH_COUNT }, () => task));
  });
});

await describeWithMongo("on MongoDB", (take) => {
  test("a tenant's task begins soon behind the 10,000 of another", async () => {
    await using database = await take();
    await using client = new MongoClient(database.uri);
    await expectTurn({ MONGODB_URI: uriOf(database) }, async (_store, task) => {
      const seed = { completedCount: 0, pendingCount: BACKLOG_COUNT, tenant: "a" };
      await seedTasks(client.db(database.name), { ...seed, task: () => task });
    });
  });
});

/** @param fill stores so many tasks like the given one. */
async function expectTurn(
  env: Readonly<Record<string, string>>,
  fill: (store: TaskStore, task: NewTask) => Promise<void>,
): Promise<void> {
  await using server = await startCpuServer({
    switches: { simulate: { steps: 4, stepMs: 5 } },
  });
  const file = { tenants: [{ name: "a", running: 1 }, { name: "b" }] };
  await using app = await startAccessApp({ servers: [server.url], env, file });
  const { store } = app.app;
  const url = await serve(await aPicture());
  const model = await store.get(await submit(app, "a", url));
  if (!model) throw new Error("The task is not stored");
  const { params, type, workflow, workflowVersion, parameters, priority } = model;
  await fill(store, {
    ...{ params, type, workflow, workflowVersion, parameters, priority, tenant: "a" },
  });
  expect((await store.counts([], "a")).pending).toBeGreaterThan(BACKLOG_COUNT / 2);
  const taskId = await submit(app, "b", url);
  const task = await eventually(
    async () => {
      const found = await store.get(taskId);
      return found?.finishedAt ? found : false;
    },
    { limitMs: LIMIT_MS, intervalMs: 50 },
  );
  expect(task.status).toBe("completed");
  const ended = await store.list({ tenant: "a", status: "completed", pageSize: 500 });
  const meanwhile = ended.tasks.filter(
    ({ finishedAt }) =>
      finishedAt && task.finishedAt && finishedAt > task.createdAt && finishedAt < task.finishedAt,
  );
  // The one that runs, and the one that was begun while the input was fetched.
  expect(meanwhile.length).toBeLessThanOrEqual(2);
  expect((await store.counts([], "a")).processing).toBeLessThanOrEqual(1);
}

async function submit({ app, url: base }: TestApp, tenant: string, url: string): Promise<string> {
  const key = await addKey(app.store, { tenant, scopes: ["submit"] });
  const headers = { ...bearer(key), "content-type": "application/json" };
  const body = JSON.stringify({ url, type: "image", workflow: "cpu_image_2x" });
  const response = await fetch(`${base}/tasks`, { method: "POST", headers, body });
  return ((await response.json()) as { readonly task_id: string }).task_id;
}
