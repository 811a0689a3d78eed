import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createGrpcClients } from "../../../src/client/client.js";
import type { Scope } from "../../../src/domain/caller.js";
import { addKey, bearer, startAccessApp } from "../../support/access-app.js";
import { aPicture } from "../../support/pictures.js";
import type { TestApp, TestAppOptions } from "../../support/test-app.js";

const TENANTS = [{ name: "a", pending: 2, upload_bytes: 1_000 }, { name: "b" }];
const REQUEST = { url: "http://127.0.0.1:1/input.png", type: "image" };
const CLIENT: readonly Scope[] = ["read", "submit"];

test("let a key with `operate` see and do everything, and keep whose a repeated task is", async () => {
  const app = await openApp();
  const [a, b] = [await keyOf(app, "a"), await keyOf(app, "b")];
  const operator = await keyOf(app, "b", [...CLIENT, "operate"]);
  const theirs = await submit(app, a);
  const own = await submit(app, operator);
  expect(await listed(app, operator)).toEqual([own, theirs]);
  expect(await listed(app, b)).toEqual([own]);
  expect((await call(app, operator, "DELETE", `/tasks/${theirs}`)).status).toBe(200);
  const retried = await call(app, operator, "POST", `/tasks/${theirs}:retry`);
  const { task_id: again } = retried.body;
  expect(await listed(app, a)).toEqual([again, theirs]);
  expect(await listed(app, b)).toEqual([own]);
  const stats = async (key: string) => (await call(app, key, "GET", "/monitor/stats")).body.stats;
  expect(await stats(operator)).toMatchObject({ pending: 2, canceled: 1 });
  expect(await stats(a)).toMatchObject({ pending: 1, canceled: 1 });
  expect(await stats(b)).toMatchObject({ pending: 1, canceled: 0 });
});

test("count by label among a tenant's own tasks", async () => {
  const app = await openApp();
  const [a, b] = [await keyOf(app, "a"), await keyOf(app, "b")];
  for (const key of [a, a, b]) await submit(app, key, { labels: { batch: "1" } });
  await submit(app, b);
  const counted = async (key: string) =>
    (await call(app, key, "GET", "/monitor/stats?label=batch:1")).body;
  expect(await counted(a)).toMatchObject({ system: { queue_size: 2 }, stats: { pending: 2 } });
  expect(await counted(b)).toMatchObject({ system: { queue_size: 1 }, stats: { pending: 1 } });
  const canceled = await call(app, b, "POST", "/tasks:cancel", { label: "batch:1" });
  expect(canceled.body).toEqual({ canceled: 1 });
  expect(await counted(a)).toMatchObject({ stats: { pending: 2 } });
});

test("show no tasks to a key for keys alone", async () => {
  const app = await openApp();
  const task = await submit(app, await keyOf(app, "a"));
  const admin = await keyOf(app, "a", ["admin"]);
  for (const path of ["/tasks", `/tasks/${task}`, "/monitor/stats", "/tasks:watch"])
    expect([path, (await call(app, admin, "GET", path)).status]).toEqual([path, 403]);
  expect((await call(app, admin, "GET", "/keys")).status).toBe(200);
});

test("tell a stream of nobody else's tasks", async () => {
  const app = await openApp();
  const [a, b] = [await keyOf(app, "a"), await keyOf(app, "b")];
  const first = await submit(app, b);
  using grpc = createGrpcClients(app.url, { key: b });
  const news = grpc.tasks.watchTasks({})[Symbol.asyncIterator]();
  onTestFinished(() => void news.return?.());
  expect((await news.next()).value?.task?.taskId).toBe(first);
  await call(app, a, "DELETE", `/tasks/${await submit(app, a)}`);
  const second = await submit(app, b);
  expect((await news.next()).value?.task?.taskId).toBe(second);
});

test("refuse what is above a tenant's caps, and say what to do", async () => {
  const app = await openApp();
  const [a, b] = [await keyOf(app, "a"), await keyOf(app, "b")];
  const first = await submit(app, a);
  await submit(app, a);
  const full = await call(app, a, "POST", "/tasks", REQUEST);
  expect([full.status, full.headers.get("retry-after")]).toEqual([429, "10"]);
  expect(full.body).toMatchObject({
    ...{ code: "TENANT_FULL", detail: expect.stringMatching(/2 of your tasks .* cancel some$/) },
  });
  const many = await call(app, a, "POST", "/tasks:batch", { tasks: [REQUEST] });
  expect(many.body).toMatchObject({ code: "TENANT_FULL" });
  await submit(app, b);
  await call(app, a, "DELETE", `/tasks/${first}`);
  await submit(app, a);
});

test("bound what a tenant's uploads take, without those that failed", async () => {
  const app = await openApp();
  const [a, b] = [await keyOf(app, "a"), await keyOf(app, "b")];
  const picture = await aPicture(8, 8);
  expect(picture.length).toBeGreaterThan(200);
  const upload = async (key: string) => {
    const headers = { ...bearer(key), "content-type": "image/png" };
    const init = { method: "POST", headers, body: new Uint8Array(picture) };
    const response = await fetch(`${app.url}/uploads`, init);
    return { status: response.status, body: await response.json() };
  };
  const roomCount = Math.floor(1_000 / picture.length);
  for (let count = 0; count < roomCount; count += 1) expect((await upload(a)).status).toBe(201);
  const refused = await upload(a);
  expect([refused.status, refused.body]).toMatchObject([429, { code: "TENANT_FULL" }]);
  expect((await upload(b)).status).toBe(201);
  await rm(join(app.dataDir, "uploads"), { recursive: true });
  await writeFile(join(app.dataDir, "uploads"), "not a directory");
  expect((await upload(b)).status).toBeGreaterThanOrEqual(500);
  expect(await app.app.store.uploads.takenBytes("b")).toBe(picture.length);
});

test("open nothing by the key of a tenant that the configuration has no more", async () => {
  const app = await startAccessApp({ file: { tenants: TENANTS } });
  const key = await keyOf(app, "a");
  const task = await submit(app, key);
  await app[Symbol.asyncDispose]();
  const without = await openApp({ dataDir: app.dataDir, file: {} });
  expect((await call(without, key, "GET", "/tasks")).status).toBe(401);
  const operator = await keyOf(without, "default", [...CLIENT, "operate"]);
  expect(await listed(without, operator)).toEqual([task]);
  expect(await listed(without, await keyOf(without, "default"))).toEqual([]);
});

async function openApp(options: TestAppOptions = { file: { tenants: TENANTS } }) {
  const app = await startAccessApp(options);
  onTestFinished(() => app[Symbol.asyncDispose]());
  return app;
}

async function keyOf(app: TestApp, tenant: string, scopes = CLIENT): Promise<string> {
  return await addKey(app.app.store, { tenant, scopes });
}

async function call({ url }: TestApp, key: string, method: string, path: string, body?: object) {
  const headers = { ...bearer(key), "content-type": "application/json" };
  const init = body === undefined ? {} : { body: JSON.stringify(body) };
  const response = await fetch(url + path, { method, headers, ...init });
  // biome-ignore lint/suspicious/noExplicitAny: tests look into it freely
  const answer = (await response.json()) as any;
  return { status: response.status, headers: response.headers, body: answer };
}

async function submit(app: TestApp, key: string, more: object = {}): Promise<string> {
  const { status, body } = await call(app, key, "POST", "/tasks", { ...REQUEST, ...more });
  expect(body).toMatchObject({ status: "ok" });
  expect(status).toBe(200);
  return body.task_id;
}

async function listed(app: TestApp, key: string): Promise<readonly string[]> {
  const { tasks } = (await call(app, key, "GET", "/tasks")).body;
  return tasks.map((task: { readonly task_id: string }) => task.task_id);
}
