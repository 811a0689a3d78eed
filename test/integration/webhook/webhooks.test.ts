import { expect, test } from "vitest";
import { startCpuServer } from "../../support/cpu-server.js";
import { eventually } from "../../support/eventually.js";
import { HOOK_SECRET, startHookReceiver } from "../../support/hook-receiver.js";
import { aPicture, serve } from "../../support/pictures.js";
import { startTestApp } from "../../support/test-app.js";

const OTHER_SECRET = `whsec_${Buffer.alloc(24, 9).toString("base64")}`;
const HOOKS = {
  TMLSR_WEBHOOK_SECRETS: `${OTHER_SECRET},${HOOK_SECRET}`,
  TMLSR_WEBHOOK_ALLOW_PRIVATE: "127.0.0.1",
};
const EVENTS = ["task.processing", "task.completed"];

test("a task's webhook is told of its beginning and its end, signed, with the task as GET shows it", async () => {
  await using server = await startCpuServer();
  await using app = await startTestApp({ servers: [server.url], env: HOOKS });
  const receiver = await startHookReceiver();
  const url = await serve(await aPicture());
  const webhook = { url: receiver.url, events: EVENTS };
  const taskId = await app.submit({ url, workflow: "cpu_image_2x", webhook });
  const task = await app.ended(taskId);
  expect(task.webhook).toEqual({ url: receiver.url.replace("?token=secret", ""), events: EVENTS });
  await eventually(() => receiver.events.length === 2);
  const [first, second] = receiver.events;
  expect(first).toMatchObject({ type: EVENTS[0], data: { task_id: taskId, status: "processing" } });
  expect(second).toMatchObject({ type: EVENTS[1], data: task });
  expect(Object.keys(second?.data ?? {})).toEqual(Object.keys(task));
  expect([receiver.forgedCount, receiver.mostOpen]).toEqual([0, 1]);

  const path = `/tasks/${taskId}/deliveries`;
  const told = await eventually(async () => {
    const { body } = await app.rest("GET", path);
    expect(body.deliveries).toMatchObject([
      { event: EVENTS[1], status: "delivered", tries: [{ try: 1, status: 204, error: null }] },
      { event: EVENTS[0], status: "delivered" },
    ]);
    return body.deliveries;
  });
  expect(told[0].delivery_id).toBe(second?.id);
  const again = await app.rest("POST", `${path}/${second?.id}:redeliver`);
  expect([again.status, again.body]).toEqual([200, { status: "waiting" }]);
  await eventually(() => receiver.events.length === 3);
  expect(receiver.events[2]?.id).toBe(second?.id);
  const unknown = await app.rest("POST", `${path}/evt_0:redeliver`);
  expect(unknown).toMatchObject({ status: 404, body: { code: "DELIVERY_NOT_FOUND" } });
  const metrics = await (await fetch(`${app.url}/metrics`)).text();
  expect(metrics).toContain('tmlsr_webhook_call_seconds_count{outcome="delivered"}');
  expect(metrics).not.toContain("token");
});

test("without a secret a webhook is refused, and a bad one names its field", async () => {
  await using app = await startTestApp();
  const url = "https://example.com/image.jpg";
  const webhook = { url: "https://example.com/hook" };
  const refused = await app.rest("POST", "/tasks", { url, webhook });
  expect(refused).toMatchObject({ status: 400, body: { code: "WEBHOOKS_NOT_CONFIGURED" } });
  await using signing = await startTestApp({ env: { ...HOOKS, TMLSR_WEBHOOK_ALLOW_PRIVATE: "" } });
  const tasks = [
    { url, webhook: { url: "http://127.0.0.1/hook?key=1" } },
    { url, webhook: { url: "ftp://example.com/" } },
  ];
  const bad = await signing.rest("POST", "/tasks:batch", { tasks });
  expect(bad.body.errors.map(({ field }: { field: string }) => field)).toEqual([
    "tasks[0].webhook.url",
    "tasks[1].webhook.url",
  ]);
  expect(JSON.stringify(bad.body)).not.toContain("key=1");
  const both = await signing.rest("POST", "/tasks", {
    url,
    webhook: { url: "ftp://example.com", events: ["task.gone"] },
  });
  expect(both.body.errors).toMatchObject([
    { field: "webhook.events[0]" },
    { field: "webhook.url" },
  ]);
  const empty = await signing.rest("POST", "/tasks", { url, webhook: { events: ["task.begun"] } });
  expect(empty.body.errors.map(({ message }: { message: string }) => message)).toEqual([
    "webhook.url is required",
    "webhook.events[0] must be one of task.processing, task.completed, task.failed, task.canceled",
  ]);
});

test("the configuration's webhook is told of tasks that name none, and shown to nobody", async () => {
  const receiver = await startHookReceiver();
  const env = { ...HOOKS, TMLSR_WEBHOOK_URL: receiver.url };
  await using app = await startTestApp({ env });
  const taskId = await app.submit({ url: "https://example.com/image.jpg", type: "image" });
  await app.rest("DELETE", `/tasks/${taskId}`);
  await eventually(() => receiver.events.length === 1);
  expect(receiver.events[0]).toMatchObject({ type: "task.canceled", data: { webhook: null } });
  const { body } = await app.rest("GET", `/tasks/${taskId}`);
  expect(JSON.stringify(body)).not.toContain(String(receiver.port));
});

test("a repeated task keeps its webhook, and the key of another webhook is a conflict", async () => {
  await using app = await startTestApp({ env: HOOKS });
  const webhook = { url: "https://example.com/hook?a=1", events: ["task.failed"] };
  const request = { url: "https://example.com/image.jpg", type: "image", webhook };
  const taskId = await app.submit({ ...request, idempotency_key: "k" });
  expect(await app.submit({ ...request, idempotency_key: "k" })).toBe(taskId);
  const other = { ...request, idempotency_key: "k", webhook: { url: "https://example.com/other" } };
  expect(await app.rest("POST", "/tasks", other)).toMatchObject({ status: 409 });
  await app.rest("DELETE", `/tasks/${taskId}`);
  const { body } = await app.rest("POST", `/tasks/${taskId}:retry`);
  const stored = await app.app.store.get(body.task_id);
  expect(stored?.webhook).toEqual(webhook);
});
