import { readFile } from "node:fs/promises";
import { expect, onTestFinished, test } from "vitest";
import { createGrpcClients, errorDetailOf } from "../../../src/client/client.js";
import { addKey, bearer, callWithKey, startAccessApp } from "../../support/access-app.js";
import type { TestApp } from "../../support/test-app.js";
import { withMethods } from "../../support/with-methods.js";

const PICTURE = new URL("../../fixtures/pictures/white.png", import.meta.url);
const POLICY = '"requests";q=1;w=60';

test("limits the requests of a key, by every protocol, and tells what is left", async () => {
  const app = await openApp({ TMLSR_REQUESTS_PER_MINUTE: "1" });
  const { store } = app.app;
  const key = await addKey(store);
  const first = await callWithKey(app, key, "GET", "/tasks");
  expect([first.status, first.headers.get("ratelimit-policy")]).toEqual([200, POLICY]);
  expect(first.headers.get("ratelimit")).toBe('"requests";r=0;t=60');
  const refused = await callWithKey(app, key, "GET", "/tasks");
  expect(refused.status).toBe(429);
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
  expect(refused.headers.get("ratelimit-policy")).toBe(POLICY);
  expect(refused.headers.get("ratelimit")).toMatch(/^"requests";r=0;t=\d+$/);
  expect(await refused.json()).toMatchObject({ code: "RATE_LIMITED" });
  expect((await connectCall(app, key)).status).toBe(429);
  expect((await fetch(`${app.url}/docs`, { headers: bearer(key) })).status).toBe(429);
  for (const path of ["/health", "/ready"])
    expect((await callWithKey(app, key, "GET", path)).headers.has("ratelimit")).toBe(false);

  const other = await addKey(store);
  using grpc = createGrpcClients(app.url, { key: other });
  await grpc.tasks.listTasks({});
  const error = await grpc.tasks.listTasks({}).catch((thrown: unknown) => thrown);
  expect(errorDetailOf(error)?.code).toBe("RATE_LIMITED");
  expect(errorDetailOf(error)?.retryAfterMs).toBeGreaterThan(0);
  const third = await connectCall(app, await addKey(store));
  expect([third.status, third.headers.get("ratelimit-policy")]).toEqual([200, POLICY]);
});

test("counts what it refuses, by reason", async () => {
  const app = await openApp({ TMLSR_REQUESTS_PER_MINUTE: "1", TMLSR_AUTH_TRIES: "1" });
  const { store } = app.app;
  const [reader, operator] = [await addKey(store, { scopes: ["read"] }), await addKey(store)];
  await fetch(`${app.url}/tasks`);
  for (let count = 0; count < 2; count += 1)
    await callWithKey(app, `tmlsr_${"x".repeat(51)}`, "GET", "/tasks");
  await callWithKey(app, reader, "GET", "/keys");
  await callWithKey(app, reader, "GET", "/tasks");
  const text = await (await callWithKey(app, operator, "GET", "/metrics")).text();
  const counts = text.match(/(?<=tmlsr_refused_requests_total\{reason=").*/g);
  const once = ["no_key", "bad_key", "too_many_tries", "scope", "limit"];
  expect(counts).toEqual(once.map((reason) => `${reason}"} 1`));
});

test("refuses the next upload of a key that has used up its bytes, and cuts none", async () => {
  const file = new Uint8Array(await readFile(PICTURE));
  const app = await openApp({ TMLSR_UPLOAD_BYTES_PER_MINUTE: "10" });
  const [key, other] = [await addKey(app.app.store), await addKey(app.app.store)];
  const upload = async (by: string) => {
    const init = { method: "POST", headers: bearer(by), body: file };
    return await fetch(`${app.url}/uploads`, init);
  };
  const first = await upload(key);
  expect(first.status).toBe(201);
  const policy = '"upload-bytes";q=10;qu="content-bytes";w=60';
  expect(first.headers.get("ratelimit-policy")).toBe(policy);
  const refused = await upload(key);
  expect(refused.status).toBe(429);
  expect(await refused.json()).toMatchObject({ code: "RATE_LIMITED" });
  expect((await upload(other)).status).toBe(201);
  const list = await callWithKey(app, key, "GET", "/tasks");
  expect([list.status, list.headers.has("ratelimit")]).toEqual([200, false]);
});

test("limits a key on all replicas together", async () => {
  const env = { TMLSR_REQUESTS_PER_MINUTE: "10" };
  const app = await openApp(env);
  // One process has the file open: the second replica uses its store.
  const store = withMethods(app.app.store, { [Symbol.asyncDispose]: async () => undefined });
  const other = await openApp(env, { store });
  const key = await addKey(store);
  const statuses = [];
  for (let count = 0; count < 12; count += 1)
    for (const replica of [app, other])
      statuses.push((await callWithKey(replica, key, "GET", "/tasks")).status);
  const servedCount = statuses.filter((status) => status === 200).length;
  // A slow machine gives tokens back meanwhile.
  expect(servedCount).toBeGreaterThanOrEqual(10);
  expect(servedCount).toBeLessThan(20);
  expect(statuses).toContain(429);
});

async function connectCall({ url }: TestApp, key: string): Promise<Response> {
  const headers = {
    ...{ ...bearer(key), "content-type": "application/json", "connect-protocol-version": "1" },
  };
  const path = "/tmlsr.v1.TaskService/ListTasks";
  return await fetch(url + path, { method: "POST", headers, body: "{}" });
}

async function openApp(
  env: Readonly<Record<string, string>>,
  options: Parameters<typeof startAccessApp>[0] = {},
): Promise<TestApp> {
  const app = await startAccessApp({ ...options, env });
  onTestFinished(() => app[Symbol.asyncDispose]());
  return app;
}
