import { expect, test } from "vitest";
import { addKey, callWithKey, startAccessApp } from "../../support/access-app.js";
import { startCpuServer } from "../../support/cpu-server.js";
import { eventually } from "../../support/eventually.js";
import { HOOK_SECRET, startHookReceiver } from "../../support/hook-receiver.js";
import { aPicture, serve } from "../../support/pictures.js";
import { leaseOne } from "../../support/task-store-builders.js";

test("names no server in refusals, errors and webhooks of whoever may not know them", async () => {
  await using server = await startCpuServer({ switches: { simulate: { steps: 1, stepMs: 0 } } });
  const env = { TMLSR_WEBHOOK_SECRETS: HOOK_SECRET, TMLSR_WEBHOOK_ALLOW_PRIVATE: "127.0.0.1" };
  await using app = await startAccessApp({ servers: [server.url], env });
  const { store } = app.app;
  const key = await addKey(store, { scopes: ["read", "submit"] });
  const operator = await addKey(store, { scopes: ["read", "submit", "operate"] });
  const receiver = await startHookReceiver();
  const url = await serve(await aPicture());
  const create = async (as: string, asked: object) =>
    (await callWithKey(app, as, "POST", "/tasks", { url, type: "image", ...asked })).text();

  const missing = { workflow: "seedvr2_image_4096" };
  expect(await create(operator, missing)).toContain(server.url);
  const refused = await create(key, missing);
  expect(refused).toContain("A server: ");
  expect(refused).not.toContain(server.url);

  const hooked = { workflow: "cpu_image_2x", webhook: { url: receiver.url } };
  expect(await create(key, hooked)).toContain("task_id");
  await eventually(() => receiver.events.length === 1);
  expect(receiver.events[0]?.data).toMatchObject({ status: "completed", server: null });
  expect(JSON.stringify(receiver.events)).not.toContain(server.url);

  const error = { code: "SERVER_STUCK", message: `Server "${server.url}" is stuck` } as const;
  const { task, fence } = await leaseOne(store);
  expect(await store.settle(fence, { kind: "failed", error })).toBe("ok");
  const shown = async (as: string) =>
    (await (await callWithKey(app, as, "GET", `/tasks/${task.taskId}`)).json()) as {
      error: string;
    };
  expect((await shown(operator)).error).toBe(error.message);
  expect((await shown(key)).error).toBe("A server is stuck");
});
