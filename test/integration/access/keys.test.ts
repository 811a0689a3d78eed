import { mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { LinkSigner } from "../../../src/access/link-signer.js";
import {
  createConnectClients,
  createGrpcClients,
  errorCodeOf,
} from "../../../src/client/client.js";
import { createWebClients } from "../../../src/client/web.js";
import { Service } from "../../../src/command/service/service.js";
import { toConfig } from "../../../src/config/config.js";
import { readSettings } from "../../../src/config/read-settings.js";
import { createLogger } from "../../../src/lib/logger.js";
import { recoverAccess } from "../../../src/recover-access.js";
import { addKey, bearer, startAccessApp } from "../../support/access-app.js";
import { eventually } from "../../support/eventually.js";
import type { TestApp } from "../../support/test-app.js";

const TASK_ID = "0".repeat(32);

test("writes the first key into a file for this user alone, and makes others with it", async () => {
  const app = await openApp();
  const path = join(app.dataDir, "first-admin-key");
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  const first = (await readFile(path, "utf8")).trim();
  const asked = { scopes: ["read", "submit"], title: "shop", expires_at: "2100-01-01T00:00:00Z" };
  const made = await call(app, first, "POST", "/keys", asked);
  const {
    key,
    key_id: keyId,
    ...known
  } = (await made.json()) as {
    readonly [field: string]: string;
    readonly key: string;
    readonly key_id: string;
    readonly tenant: string;
  };
  expect(key).toMatch(/^tmlsr_[a-z0-9]{8}[\w-]{43}$/);
  expect(keyId).toBe(key.slice(6, 14));
  expect(known).toMatchObject({ ...asked, expires_at: "2100-01-01T00:00:00.000000Z" });
  expect(known.tenant).toBe("default");
  expect((await call(app, key, "GET", "/tasks")).status).toBe(200);
  const list = await (await call(app, first, "GET", "/keys")).text();
  expect(JSON.parse(list).keys).toMatchObject([{ key_id: keyId, revoked_at: null }, {}]);
  expect(list).not.toContain(key.slice(14));
  const revoked = await call(app, first, "DELETE", `/keys/${keyId}`);
  expect(await revoked.json()).toMatchObject({ key_id: keyId, revoked_at: expect.any(String) });
  const refused = await call(app, key, "GET", "/tasks");
  expect(refused.status).toBe(401);
  expect(refused.headers.get("www-authenticate")).toContain("Bearer");
  expect(await refused.json()).toMatchObject({ code: "UNAUTHENTICATED" });
});

test("keeps the first key over a restart, and makes another where none can make keys", async () => {
  const app = await startAccessApp();
  const path = join(app.dataDir, "first-admin-key");
  const first = await readFile(path, "utf8");
  await app[Symbol.asyncDispose]();
  const again = await startAccessApp({ dataDir: app.dataDir });
  expect(await readFile(path, "utf8")).toBe(first);
  await again.app.store.keys.revoke(first.slice(6, 14));
  await again[Symbol.asyncDispose]();
  const third = await openApp({ dataDir: app.dataDir });
  const next = await readFile(path, "utf8");
  expect(next).not.toBe(first);
  expect((await call(third, next.trim(), "GET", "/keys")).status).toBe(200);
});

test("makes another key with all scopes for whoever has lost the last one", async () => {
  const app = await startAccessApp();
  const path = join(app.dataDir, "first-admin-key");
  const first = await readFile(path, "utf8");
  const env = { TMLSR_AUTH: "keys", TMLSR_DATA_DIR: app.dataDir };
  const recover = () =>
    recoverAccess(toConfig(readSettings(env, undefined)), createLogger("silent"));
  await expect(recover()).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
  expect(await readFile(path, "utf8")).toBe(first);
  await app[Symbol.asyncDispose]();
  await rm(path);
  await recover();
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  const again = await openApp({ dataDir: app.dataDir });
  for (const key of [first, await readFile(path, "utf8")])
    expect((await call(again, key.trim(), "GET", "/keys")).status).toBe(200);
});

test("refuses a key for a tenant that is not there, or that has expired already", async () => {
  const app = await openApp();
  const admin = await addKey(app.app.store);
  const asked = { tenant: "nobody", scopes: ["read"], expires_at: "2001-01-01T00:00:00Z" };
  const answer = await call(app, admin, "POST", "/keys", asked);
  expect(answer.status).toBe(400);
  const { errors } = (await answer.json()) as { errors: { field: string }[] };
  expect(errors.map(({ field }) => field)).toEqual(["tenant", "expires_at"]);
  expect((await call(app, admin, "POST", "/keys", { scopes: [] })).status).toBe(400);
  expect((await call(app, admin, "DELETE", "/keys/unknown0")).status).toBe(404);
});

test("ends open streams when another replica revokes their key", async () => {
  const app = await openApp();
  const { store } = app.app;
  const right = await addKey(store);
  using grpc = createGrpcClients(app.url, { key: right });
  const stats = grpc.monitor.watchStats({})[Symbol.asyncIterator]();
  expect((await stats.next()).value?.stats).toBeDefined();
  const events = await call(app, right, "GET", "/monitor/stats:watch");
  const text = events.text();
  await store.keys.revoke(right.slice(6, 14));
  const ended = await readToEnd(stats);
  expect(errorCodeOf(ended)).toBe("UNAUTHENTICATED");
  expect(await text).toContain("UNAUTHENTICATED");
});

test("serves a stored file by a signed link, for that path and that time alone", async () => {
  const app = await openApp();
  const folder = join(app.dataDir, "outputs", TASK_ID);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "a.png"), "result");
  const signer = new LinkSigner(await app.app.store.keys.secret());
  const url = `${app.url}/outputs/${TASK_ID}/a.png`;
  const link = signer.sign(url, new Date(Date.now() + 60_000));
  expect((await fetch(url)).status).toBe(401);
  expect(await (await fetch(link)).text()).toBe("result");
  expect((await fetch(link, { method: "POST" })).status).toBe(401);
  expect((await fetch(link.replace("a.png", "b.png"))).status).toBe(401);
  expect((await fetch(link.replace(/(?<=expires=)\d/, "9"))).status).toBe(401);
  expect((await fetch(signer.sign(url, new Date(Date.now() - 1_000)))).status).toBe(401);
  expect((await fetch(link.replace(/\/outputs[^?]*/, "/tasks"))).status).toBe(401);
});

test("tells the servers to operators alone", async () => {
  const app = await openApp();
  const { store } = app.app;
  const operator = await addKey(store, { scopes: ["read", "operate"] });
  const reader = await addKey(store, { scopes: ["read"] });
  const statsFor = async (key: string) =>
    (await call(app, key, "GET", "/monitor/stats")).json() as Promise<{ pool_status: object[] }>;
  expect((await statsFor(operator)).pool_status).toMatchObject([{ address: "http://127.0.0.1:1" }]);
  expect((await statsFor(reader)).pool_status).toMatchObject([{ address: "", task_ids: [] }]);
  expect((await call(app, reader, "GET", "/monitor/doctor")).status).toBe(403);
});

test("limits the bad keys of an address, and lets good ones through", async () => {
  const app = await openApp({ file: { auth: { tries: 2 } } });
  const good = await addKey(app.app.store);
  const statuses = [];
  for (let count = 0; count < 3; count += 1)
    statuses.push((await call(app, `tmlsr_${"x".repeat(51)}`, "GET", "/tasks")).status);
  expect(statuses).toEqual([401, 401, 429]);
  await eventually(async () => (await call(app, good, "GET", "/tasks")).status === 200);
});

test("takes the key from clients and from the command", async () => {
  const app = await openApp();
  const key = await addKey(app.app.store);
  using grpc = createGrpcClients(app.url, { key });
  using connect = createConnectClients(app.url, { key, protocol: "connect" });
  const web = createWebClients(app.url, { key });
  for (const { tasks } of [grpc, connect, web])
    expect((await tasks.listTasks({})).tasks).toEqual([]);
  await expect(web.upload(new Blob(["text"]))).rejects.toThrow(/INPUT_TYPE|neither|not/i);
  const signal = AbortSignal.timeout(120_000);
  const service = new Service(app.url, key);
  expect(await (await service.fetch("/tasks", { signal })).json()).toMatchObject({ tasks: [] });
  const withHeader = await fetch(`${app.url}/tasks`, { headers: { "x-api-key": key } });
  expect(withHeader.status).toBe(200);
});

async function openApp(options: Parameters<typeof startAccessApp>[0] = {}): Promise<TestApp> {
  const app = await startAccessApp(options);
  onTestFinished(() => app[Symbol.asyncDispose]());
  return app;
}

async function call({ url }: TestApp, key: string, method: string, path: string, body?: object) {
  const headers = { ...bearer(key), "content-type": "application/json" };
  const init = body === undefined ? {} : { body: JSON.stringify(body) };
  return await fetch(url + path, { method, headers, ...init });
}

/** @returns the error with which it ended. */
async function readToEnd(stream: AsyncIterator<unknown>): Promise<unknown> {
  try {
    for (;;) if ((await stream.next()).done) return undefined;
  } catch (error) {
    return error;
  }
}
