import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { isAudited } from "../../../src/api/identity/audit-calls.js";
import { needOfMethod } from "../../../src/api/identity/needs.js";
import { createConnectClients } from "../../../src/client/client.js";
import { AuditService } from "../../../src/gen/tmlsr/v1/audit_service_pb.js";
import { DeliveryService } from "../../../src/gen/tmlsr/v1/delivery_service_pb.js";
import { KeyService } from "../../../src/gen/tmlsr/v1/key_service_pb.js";
import { MonitorService } from "../../../src/gen/tmlsr/v1/monitor_service_pb.js";
import { TaskService } from "../../../src/gen/tmlsr/v1/task_service_pb.js";
import { UploadService } from "../../../src/gen/tmlsr/v1/upload_service_pb.js";
import { openEmbeddedStore } from "../../../src/store/embedded/open-embedded-store.js";
import { addKey, bearer, callWithKey as send, startAccessApp } from "../../support/access-app.js";
import { eventually } from "../../support/eventually.js";
import { tempDir } from "../../support/temp-dir.js";
import type { TestApp } from "../../support/test-app.js";

const PICTURE = new URL("../../fixtures/pictures/white.png", import.meta.url);

test("notes who did what and from where, by every protocol, over a restart", async () => {
  const app = await startAccessApp();
  const admin = await addKey(app.app.store);
  const key = await addKey(app.app.store);
  using clients = createConnectClients(app.url, { key });
  const input = { url: "http://127.0.0.1:1/a.png?token=secret", type: "image" };
  const first = (await post(app, key, "/tasks", input)).task_id;
  const { taskIds } = await clients.tasks.batchCreateTasks({
    tasks: [1, 2].map(() => ({ url: input.url, type: 1, labels: { shop: "7" } })),
  });
  await send(app, key, "DELETE", `/tasks/${first}`);
  const retried = (await post(app, key, `/tasks/${first}:retry`, {})).task_id;
  await clients.tasks.cancelTasks({ label: "shop:7" });
  const made = await post(app, admin, "/keys", { scopes: ["read"], title: "t" });
  await send(app, admin, "DELETE", `/keys/${made.key_id}`);
  expect((await send(app, key, "POST", "/tasks", { url: "" })).status).toBe(400);
  expect((await send(app, key, "DELETE", `/tasks/${"0".repeat(32)}`)).status).toBe(404);
  await app[Symbol.asyncDispose]();

  const again = await startAccessApp({ dataDir: app.dataDir });
  onTestFinished(() => again[Symbol.asyncDispose]());
  const page = await audit(again, admin, "?page_size=4");
  const rest = await audit(again, admin, `?page_token=${page.next_page_token}`);
  expect(rest.next_page_token).toBe("");
  const shop = { key_id: key.slice(6, 14), tenant: "default", address: "127.0.0.1", count: null };
  const boss = { ...shop, key_id: admin.slice(6, 14) };
  const firstKey = (await readFile(join(app.dataDir, "first-admin-key"), "utf8")).slice(6, 14);
  const service = { key_id: null, address: null };
  expect(
    [...page.entries, ...rest.entries].reverse().map(({ time: _, ...entry }) => entry),
  ).toEqual([
    { ...shop, ...service, action: "key.created", subject: firstKey },
    { ...shop, action: "task.created", subject: first },
    ...taskIds.map((subject) => ({ ...shop, action: "task.created", subject })),
    { ...shop, action: "task.canceled", subject: first },
    { ...shop, action: "task.retried", subject: retried },
    { ...shop, action: "tasks.canceled", subject: "shop:7", count: 2 },
    { ...boss, action: "key.created", subject: made.key_id },
    { ...boss, action: "key.revoked", subject: made.key_id },
  ]);
});

test("notes uploads by the route and by the RPC, and tells at once", async () => {
  const app = await openApp();
  const key = await addKey(app.app.store);
  const file = await readFile(PICTURE);
  const answer = await fetch(`${app.url}/uploads`, {
    ...{ method: "POST", headers: bearer(key), body: new Uint8Array(file) },
  });
  expect(answer.status).toBe(201);
  using clients = createConnectClients(app.url, { key });
  await clients.upload(createReadStream(PICTURE));
  const { entries } = await audit(app, key);
  expect(entries.map(({ action, subject }) => [action, subject])).toEqual([
    ["upload.created", "upload://***/upload.png"],
    ["upload.created", "upload://***/upload.png"],
    ["key.created", expect.any(String)],
  ]);
});

test("deletes what was done too long ago", async () => {
  const store = await openEmbeddedStore({ directory: await tempDir() });
  const { audit: archive } = store.keys;
  const entry = { action: "task.created", tenant: "default" } as const;
  const at = (days: number) => new Date(Date.now() - days * 86_400_000);
  await archive.add([
    { ...entry, at: at(31), subject: "old" },
    { ...entry, at: at(29), subject: "young" },
  ]);
  await openApp({ env: { TMLSR_AUDIT_DAYS: "30" }, store });
  const subjects = async () => (await archive.list(9)).entries.map(({ subject }) => subject);
  await eventually(async () => !(await subjects()).includes("old"));
  expect(await subjects()).toContain("young");
});

test("knows of every RPC that changes something what it does", () => {
  const services = [
    ...[TaskService, MonitorService, UploadService, DeliveryService, KeyService, AuditService],
  ];
  const changing = services
    .flatMap(({ methods }) => methods)
    .filter((method) => ["submit", "admin"].includes(needOfMethod(method) ?? "admin"))
    .filter(({ idempotency }) => idempotency === 0);
  expect(changing.filter((method) => !isAudited(method)).map(({ name }) => name)).toEqual([]);
  expect(changing.length).toBeGreaterThan(7);
});

interface Entry {
  readonly [field: string]: unknown;
  readonly time: string;
}

interface Page {
  readonly entries: readonly Entry[];
  readonly next_page_token: string;
}

async function audit(app: TestApp, key: string, query = ""): Promise<Page> {
  return (await (await send(app, key, "GET", `/audit${query}`)).json()) as Page;
}

async function post(app: TestApp, key: string, path: string, body: object) {
  const answer = await send(app, key, "POST", path, body);
  expect(answer.status).toBe(200);
  return (await answer.json()) as { readonly task_id: string; readonly key_id: string };
}

async function openApp(options: Parameters<typeof startAccessApp>[0] = {}): Promise<TestApp> {
  const app = await startAccessApp(options);
  onTestFinished(() => app[Symbol.asyncDispose]());
  return app;
}
