import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { DescMethod } from "@bufbuild/protobuf";
import { expect, onTestFinished, test, vi } from "vitest";
import { Health } from "../../../src/gen/grpc/health/v1/health_pb.js";
import { ServerReflection } from "../../../src/gen/grpc/reflection/v1/reflection_pb.js";
import { ServerReflection as AlphaReflection } from "../../../src/gen/grpc/reflection/v1alpha/reflection_pb.js";
import { DeliveryService } from "../../../src/gen/tmlsr/v1/delivery_service_pb.js";
import { KeyService } from "../../../src/gen/tmlsr/v1/key_service_pb.js";
import { MonitorService } from "../../../src/gen/tmlsr/v1/monitor_service_pb.js";
import { TaskType } from "../../../src/gen/tmlsr/v1/task_pb.js";
import { TaskService } from "../../../src/gen/tmlsr/v1/task_service_pb.js";
import { UploadService } from "../../../src/gen/tmlsr/v1/upload_service_pb.js";
import { WorkflowService } from "../../../src/gen/tmlsr/v1/workflow_service_pb.js";
import { addKey, bearer, startAccessApp } from "../../support/access-app.js";
import { type CallMethod, eachTransport } from "../../support/each-transport.js";
import { aPicture } from "../../support/pictures.js";
import type { TestApp } from "../../support/test-app.js";

vi.setConfig({ testTimeout: 240_000 });

const METHODS: readonly DescMethod[] = [
  ...[TaskService, MonitorService, WorkflowService, UploadService, KeyService, DeliveryService],
  ...[Health, ServerReflection, AlphaReflection],
].flatMap(({ methods }) => methods);

/** How another tenant's task shows in what a call answers; `shared`: it is not about tasks. */
type Sight = "not found" | "absent" | "shared";

const SIGHTS: Readonly<Record<string, Sight>> = {
  "TaskService.CreateTask": "absent",
  "TaskService.BatchCreateTasks": "absent",
  "TaskService.GetTask": "not found",
  "TaskService.RetryTask": "not found",
  "TaskService.ListChunks": "not found",
  "TaskService.ListTasks": "absent",
  "TaskService.CancelTask": "not found",
  // Canceled are none of its, as is looked after at the end.
  "TaskService.CancelTasks": "shared",
  "TaskService.WatchTask": "not found",
  "TaskService.WatchTasks": "absent",
  "MonitorService.GetStats": "absent",
  "MonitorService.WatchStats": "absent",
  "MonitorService.GetHealth": "shared",
  "MonitorService.GetHistory": "shared",
  "MonitorService.GetDoctor": "shared",
  "WorkflowService.ListWorkflows": "shared",
  "WorkflowService.GetWorkflow": "shared",
  "UploadService.Upload": "shared",
  "KeyService.CreateKey": "shared",
  "KeyService.ListKeys": "shared",
  "KeyService.RevokeKey": "shared",
  "DeliveryService.ListDeliveries": "not found",
  "DeliveryService.RedeliverDelivery": "not found",
  "Health.Check": "shared",
  "Health.List": "shared",
  "Health.Watch": "shared",
  "ServerReflection.ServerReflectionInfo": "shared",
};

const URL_OF_INPUT = "http://127.0.0.1:1/input.png";
const REQUEST = { url: URL_OF_INPUT, type: "image", idempotency_key: "the same for both" };

test("finds nothing of another tenant by any RPC, by every transport", async () => {
  const { app, theirs, keys } = await openApp();
  const before = await app.app.store.get(theirs);
  const wrong: string[] = [];
  for (const method of METHODS) {
    const sight = SIGHTS[`${method.parent.name}.${method.name}`];
    expect(sight, `${method.name} has an entry`).toBeDefined();
    for (const [transport, call] of Object.entries(eachTransport(app.url))) {
      const look = (key: string) => lookWith(call, method, key, theirs);
      const problem = sight && (await problemOf(sight, look, keys));
      if (problem) wrong.push(`${method.name} by ${transport}: ${problem}`);
    }
  }
  expect(wrong).toEqual([]);
  expect(await app.app.store.get(theirs)).toEqual(before);
});

/** How a call ended, and whether its answer names the task; undefined: the transport cannot. */
interface Look {
  readonly ending: string;
  readonly isShown: boolean;
}

async function lookWith(
  call: CallMethod,
  method: DescMethod,
  key: string,
  taskId: string,
): Promise<Look | undefined> {
  let text = "";
  const onAnswer = (answer: string): void => {
    text = answer;
  };
  const ending = await call(method, bearer(key), { fields: fieldsOf(method, taskId), onAnswer });
  return ending && { ending, isShown: text.includes(taskId) };
}

async function problemOf(
  sight: Sight,
  look: (key: string) => Promise<Look | undefined>,
  keys: { readonly own: string; readonly other: string },
): Promise<string | undefined> {
  const foreign = await look(keys.other);
  if (foreign === undefined) return undefined;
  if (foreign.isShown) return "shows it";
  if (sight === "shared") return undefined;
  if (foreign.ending !== (sight === "absent" ? "Ok" : "NotFound")) return foreign.ending;
  if (sight === "not found") return undefined;
  return (await look(keys.own))?.isShown ? undefined : "does not show it to its owner";
}

test("finds nothing of another tenant by any route that names a task", async () => {
  const { app, uploaded: theirs, keys } = await openApp();
  const routes = [
    ...[`/outputs/${theirs}/a.png`, `/tasks/${theirs}/input`, `/tasks/${theirs}/preview.m3u8`],
    ...[`/tasks/${theirs}/preview/input`, `/tasks/${theirs}/preview/output`],
    `/tasks/${theirs}/preview/hls/picture.m3u8`,
  ];
  for (const route of routes) {
    const foreign = await fetch(app.url + route, { headers: bearer(keys.other) });
    const { code } = (await foreign.json()) as { readonly code: string };
    expect([route, foreign.status, code]).toEqual([route, 404, "TASK_NOT_FOUND"]);
    const own = await fetch(app.url + route, { headers: bearer(keys.own) });
    expect([route, await own.text()]).not.toEqual([route, expect.stringContaining(code)]);
  }
  for (const route of routes.slice(0, 2))
    expect((await fetch(app.url + route, { headers: bearer(keys.own) })).status).toBe(200);
});

/** Two tasks of the tenant `own` that wait: one with an uploaded input and a result that somebody put there. */
async function openApp() {
  const app = await startAccessApp({ file: { tenants: [{ name: "own" }, { name: "other" }] } });
  onTestFinished(() => app[Symbol.asyncDispose]());
  const { store } = app.app;
  const keys = {
    own: await addKey(store, { tenant: "own", scopes: ["read", "submit"] }),
    other: await addKey(store, { tenant: "other", scopes: ["read", "submit", "admin"] }),
  };
  const upload = await fetch(`${app.url}/uploads`, {
    ...{ method: "POST", body: new Uint8Array(await aPicture()) },
    headers: { ...bearer(keys.own), "content-type": "image/png" },
  });
  const { url } = (await upload.json()) as { readonly url: string };
  const foreign = await submit(app, keys.other, { url, type: "image" });
  expect(foreign.status, "another tenant's upload").toBe(400);
  const { taskId: uploaded = "" } = await submit(app, keys.own, { url, type: "image" });
  // Streams of a tenant's tasks begin with its newest.
  const { taskId: theirs = "" } = await submit(app, keys.own, REQUEST);
  expect((await submit(app, keys.other, REQUEST)).status).toBe(200);
  const folder = join(app.dataDir, "outputs", uploaded);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "a.png"), "result");
  return { app, theirs, uploaded, keys };
}

async function submit({ url }: TestApp, key: string, request: object) {
  const headers = { ...bearer(key), "content-type": "application/json" };
  const body = JSON.stringify(request);
  const response = await fetch(`${url}/tasks`, { method: "POST", headers, body });
  const { task_id: taskId } = (await response.json()) as { readonly task_id?: string };
  return { status: response.status, taskId };
}

/** What names the other tenant's task, as far as a request can. */
function fieldsOf({ name, input }: DescMethod, taskId: string): Record<string, unknown> {
  if (name === "CreateTask") return { ...CREATE };
  if (name === "BatchCreateTasks") return { tasks: [CREATE] };
  if (name === "CancelTasks") return { taskIds: [taskId] };
  return input.fields.some(({ localName }) => localName === "taskId") ? { taskId } : {};
}

const CREATE = {
  ...{ url: URL_OF_INPUT, type: TaskType.IMAGE },
  idempotencyKey: REQUEST.idempotency_key,
};
