import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { beforeAll, describe, expect, test } from "vitest";
import { createConnectClients, errorCodeOf, errorDetailOf } from "../../../src/client/client.js";
import { TaskStatus, TaskType } from "../../../src/gen/tmlsr/v1/task_pb.js";
import { SubmitStatus, TaskService } from "../../../src/gen/tmlsr/v1/task_service_pb.js";
import { eventually } from "../../support/eventually.js";
import { openTestServer, type TestServer } from "../../support/test-server.js";
import { testTask } from "../../support/test-tasks.js";

const TRANSPORTS: Record<string, (baseUrl: string) => Transport> = {
  "gRPC over HTTP/2": (baseUrl) => createGrpcTransport({ baseUrl }),
  "gRPC-Web over HTTP/1.1": (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: "1.1" }),
  "gRPC-Web over HTTP/2": (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: "2" }),
  "Connect JSON over HTTP/1.1": (baseUrl) =>
    createConnectTransport({ baseUrl, httpVersion: "1.1", useHttpGet: true }),
  "Connect JSON over HTTP/2": (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "2" }),
  "Connect binary over HTTP/1.1": (baseUrl) =>
    createConnectTransport({ baseUrl, httpVersion: "1.1", useBinaryFormat: true }),
  "Connect binary over HTTP/2": (baseUrl) =>
    createConnectTransport({ baseUrl, httpVersion: "2", useBinaryFormat: true }),
};

let server: TestServer;
beforeAll(async () => {
  server = await openTestServer();
  return () => server[Symbol.asyncDispose]();
});

describe.each(Object.entries(TRANSPORTS))("a client of %s", (_name, createTransport) => {
  function start() {
    return { tasks: server.tasks, client: createClient(TaskService, createTransport(server.url)) };
  }

  test("creates and reads a task", async () => {
    const { client, tasks } = start();
    const request = { url: "https://example.com/in.png?sig=secret", type: TaskType.IMAGE };
    const created = await client.createTask(request);
    expect(created.status).toBe(SubmitStatus.OK);
    expect(tasks.created.at(-1)).toEqual({ params: { url: request.url, type: "image" } });
    const { task } = await client.getTask({ taskId: created.taskId });
    expect(task?.status).toBe(TaskStatus.PENDING);
    expect(task?.params?.url).toBe(request.url);
  });

  test("is told what is wrong, with a code and every violation", async () => {
    const { client } = start();
    const missing = await client.getTask({ taskId: "none" }).catch((error: unknown) => error);
    expect(ConnectError.from(missing).code).toBe(Code.NotFound);
    expect(errorCodeOf(missing)).toBe("TASK_NOT_FOUND");
    const invalid = await client.createTask({ priority: 7 }).catch((error: unknown) => error);
    expect(ConnectError.from(invalid).code).toBe(Code.InvalidArgument);
    expect(errorCodeOf(invalid)).toBe("INVALID_REQUEST");
    const fields = errorDetailOf(invalid)?.violations.map(({ field }) => field);
    expect(fields).toEqual(["url", "priority"]);
  });

  test("watches a task to its end", async () => {
    const { client, tasks } = start();
    const task = tasks.put(testTask());
    const cursors: string[] = [];
    for await (const message of client.watchTask({ taskId: task.taskId })) {
      cursors.push(message.cursor);
      if (message.cursor === "1") tasks.put({ ...task, rev: 2, status: "processing" });
      if (message.cursor === "2") tasks.put({ ...task, rev: 3, status: "completed" });
    }
    expect(cursors).toEqual(["1", "2", "3"]);
  });

  test("ends the handler when it cancels a stream", async () => {
    const { client, tasks } = start();
    const task = tasks.put(testTask());
    const controller = new AbortController();
    const stream = client.watchTask({ taskId: task.taskId }, { signal: controller.signal });
    const end = (async () => {
      for await (const _ of stream) controller.abort();
    })();
    await expect(end).rejects.toMatchObject({ code: Code.Canceled });
    await eventually(() => tasks.openStreamCount === 0);
  });

  test("is told when its deadline has passed", async () => {
    const { client, tasks } = start();
    const task = tasks.put(testTask());
    const stream = client.watchTask({ taskId: task.taskId }, { timeoutMs: 100 });
    const end = (async () => {
      for await (const _ of stream);
    })();
    await expect(end).rejects.toMatchObject({ code: Code.DeadlineExceeded });
    await eventually(() => tasks.openStreamCount === 0);
  });
});

describe.each(["grpc", "grpc-web", "connect"] as const)(
  "createConnectClients() over %s",
  (protocol) => {
    test("calls every service", async () => {
      const { url, tasks } = server;
      using clients = createConnectClients(url, { protocol });
      const task = tasks.put(testTask({ status: "completed" }));
      const { stats } = await clients.monitor.getStats({});
      expect(stats?.stats?.completed).toBe(3);
      expect((await clients.workflows.listWorkflows({})).workflows).toEqual([]);
      for await (const { cursor } of clients.tasks.watchTask({ taskId: task.taskId }))
        expect(cursor).toBe("1");
    });
  },
);
