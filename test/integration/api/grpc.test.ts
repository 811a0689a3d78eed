import { create, toBinary } from "@bufbuild/protobuf";
import { Client, credentials, type ServiceError, status } from "@grpc/grpc-js";
import { beforeAll, expect, test } from "vitest";
import {
  createGrpcClients,
  errorCodeOf,
  errorDetailOf,
  type GrpcClients,
  TaskStatus,
} from "../../../src/client/client.js";
import { TaskError } from "../../../src/domain/errors.js";
import { CreateTaskRequestSchema } from "../../../src/gen/tmlsr/v1/task_service_pb.js";
import { eventually } from "../../support/eventually.js";
import { openTestServer, startTestServer, type TestServer } from "../../support/test-server.js";
import { testTask } from "../../support/test-tasks.js";

let server: TestServer;
let clients: GrpcClients;
beforeAll(async () => {
  server = await openTestServer();
  clients = createGrpcClients(server.url);
  return async () => {
    clients[Symbol.dispose]();
    await server[Symbol.asyncDispose]();
  };
});

const URL = "https://example.com/in.png";
const CREATE_TASK = "/tmlsr.v1.TaskService/CreateTask";
const ONE_URL = Buffer.from(
  toBinary(CreateTaskRequestSchema, create(CreateTaskRequestSchema, { url: URL })),
);

test("a grpc-js client creates, reads, lists and cancels a task", async () => {
  const { taskId } = await clients.tasks.createTask({ url: URL });
  const { task } = await clients.tasks.getTask({ taskId });
  expect(task).toMatchObject({ taskId, status: TaskStatus.PENDING, params: { url: URL } });
  const { tasks } = await clients.tasks.listTasks({});
  expect(tasks.map((listed) => listed.taskId)).toContain(taskId);
  expect((await clients.tasks.cancelTask({ taskId })).status).toBe(TaskStatus.CANCELED);
});

test("a header is the idempotency key unless the request has one", async () => {
  const headers = { "idempotency-key": "of-the-header" };
  await clients.tasks.createTask({ url: URL }, { headers });
  expect(server.tasks.created.at(-1)?.idempotencyKey).toBe("of-the-header");
  await clients.tasks.createTask({ url: URL, idempotencyKey: "own" }, { headers });
  expect(server.tasks.created.at(-1)?.idempotencyKey).toBe("own");
  const call = clients.tasks.createTask(
    { url: URL },
    { headers: { "idempotency-key": "x".repeat(256) } },
  );
  const error = await call.catch((thrown: unknown) => thrown);
  expect(errorDetailOf(error)?.violations).toMatchObject([{ field: "idempotency_key" }]);
});

test("an error has its gRPC status, its stable code and when to try again", async () => {
  const missing = await clients.tasks.getTask({ taskId: "none" }).catch((error: unknown) => error);
  expect(missing).toMatchObject({ code: status.NOT_FOUND, details: "Task not found" });
  expect(errorCodeOf(missing)).toBe("TASK_NOT_FOUND");
  server.tasks.beforeCreate = async () => {
    throw new TaskError("QUEUE_FULL", "100% full: 5 wait, see %41", { retryAfterMs: 1_500 });
  };
  const full = await clients.tasks.createTask({ url: URL }).catch((error: unknown) => error);
  server.tasks.beforeCreate = async () => undefined;
  expect(full).toMatchObject({
    code: status.RESOURCE_EXHAUSTED,
    details: "100% full: 5 wait, see %41",
    message: "8 RESOURCE_EXHAUSTED: 100% full: 5 wait, see %41",
  });
  expect(errorDetailOf(full)).toMatchObject({ code: "QUEUE_FULL", retryAfterMs: 1_500 });
});

test("any gRPC client is told an error in the service's own words", async () => {
  const words = 'Cannot accept "ä 图 #1"; 100% of it?\n&=/:@+,$ %41';
  server.tasks.beforeCreate = async () => {
    throw new TaskError("QUEUE_FULL", words);
  };
  using _ = { [Symbol.dispose]: () => (server.tasks.beforeCreate = async () => undefined) };
  const client = new Client(new globalThis.URL(server.url).host, credentials.createInsecure());
  const asIs = (bytes: Buffer) => bytes;
  const error = await new Promise<ServiceError | null>((resolve) => {
    client.makeUnaryRequest(CREATE_TASK, asIs, asIs, ONE_URL, (failure) => resolve(failure));
  });
  client.close();
  expect(error).toMatchObject({ code: status.RESOURCE_EXHAUSTED, details: words });
});

test("a bug is INTERNAL without its text, which is logged with its cause", async () => {
  server.tasks.beforeCreate = async () => {
    throw new Error("secret of the inside");
  };
  const error = await clients.tasks.createTask({ url: URL }).catch((thrown: unknown) => thrown);
  server.tasks.beforeCreate = async () => undefined;
  expect(error).toMatchObject({ code: status.INTERNAL });
  expect(String(error)).not.toContain("secret");
  expect(errorCodeOf(error)).toBe("INTERNAL");
  const line = server.logLines.find(({ err }) => err !== undefined);
  expect(line).toMatchObject({
    level: 50,
    rpc: "tmlsr.v1.TaskService/CreateTask",
    err: { message: "secret of the inside" },
  });
});

test("a stream ends with the task, and its handler with it", async () => {
  const task = server.tasks.put(testTask());
  const statuses: TaskStatus[] = [];
  for await (const { task: state } of clients.tasks.watchTask({ taskId: task.taskId })) {
    statuses.push(state?.status ?? TaskStatus.UNSPECIFIED);
    if (statuses.length === 1) server.tasks.put({ ...task, rev: 2, status: "canceled" });
  }
  expect(statuses).toEqual([TaskStatus.PENDING, TaskStatus.CANCELED]);
  expect(server.tasks.openStreamCount).toBe(0);
});

test("a stream goes on from a cursor", async () => {
  const { taskId } = server.tasks.put(testTask({ rev: 7, status: "completed" }));
  const cursors: string[] = [];
  for await (const { cursor } of clients.tasks.watchTask({ taskId, cursor: "6" }))
    cursors.push(cursor);
  expect(cursors).toEqual(["7"]);
});

test("a stream that fails says why", async () => {
  const watching = (async () => {
    for await (const _ of clients.tasks.watchTask({ taskId: "none" }));
  })();
  const error = await watching.catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: status.NOT_FOUND, details: "Task not found" });
  expect(errorCodeOf(error)).toBe("TASK_NOT_FOUND");
});

test("leaving a stream ends its handler", async () => {
  const { taskId } = server.tasks.put(testTask());
  for await (const _ of clients.tasks.watchTask({ taskId })) break;
  await eventually(() => server.tasks.openStreamCount === 0);
});

test("an abort cancels calls of both kinds", async () => {
  const { taskId } = server.tasks.put(testTask());
  const controller = new AbortController();
  const { signal } = controller;
  const watching = (async () => {
    for await (const _ of clients.tasks.watchTask({ taskId }, { signal })) controller.abort();
  })();
  await expect(watching).rejects.toMatchObject({ code: status.CANCELLED });
  await expect(clients.tasks.getTask({ taskId }, { signal })).rejects.toMatchObject({
    code: status.CANCELLED,
  });
  await eventually(() => server.tasks.openStreamCount === 0);
});

test("a deadline ends calls of both kinds", async () => {
  const { taskId } = server.tasks.put(testTask());
  const watching = (async () => {
    for await (const _ of clients.tasks.watchTask({ taskId }, { timeoutMs: 100 }));
  })();
  await expect(watching).rejects.toMatchObject({ code: status.DEADLINE_EXCEEDED });
  server.tasks.beforeCreate = () => new Promise(() => undefined);
  const creating = clients.tasks.createTask({ url: URL }, { timeoutMs: 100 });
  await expect(creating).rejects.toMatchObject({ code: status.DEADLINE_EXCEEDED });
  server.tasks.beforeCreate = async () => undefined;
  await eventually(() => server.tasks.openStreamCount === 0);
});

test("a unary call without a deadline ends at the server's limit", async () => {
  const limited = await startTestServer({ limits: { maxTimeoutMs: 50 } });
  using own = createGrpcClients(limited.url);
  limited.tasks.beforeCreate = () => new Promise(() => undefined);
  const creating = own.tasks.createTask({ url: URL }, { timeoutMs: 120_000 });
  await expect(creating).rejects.toMatchObject({
    code: status.DEADLINE_EXCEEDED,
    details: "the operation timed out",
  });
});

test("a request above the limit is RESOURCE_EXHAUSTED", async () => {
  const limited = await startTestServer({ limits: { maxRequestBytes: 1_000 } });
  using own = createGrpcClients(limited.url);
  const large = own.tasks.createTask({ url: URL, parameters: { text: "x".repeat(1_000) } });
  await expect(large).rejects.toMatchObject({ code: status.RESOURCE_EXHAUSTED });
  await own.tasks.createTask({ url: URL });
});

test("a failed call is logged in one line that names no URL", async () => {
  const { length } = server.logLines;
  await clients.tasks.getTask({ taskId: "none" }).catch(() => undefined);
  const lines = server.logLines.slice(length);
  expect(lines).toMatchObject([
    {
      level: 30,
      rpc: "tmlsr.v1.TaskService/GetTask",
      code: "NotFound",
      errorCode: "TASK_NOT_FOUND",
    },
  ]);
  expect(JSON.stringify(server.logLines)).not.toContain("://example");
});
