import { connect } from "node:http2";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { status } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import type { ApiServices } from "../../../src/api/rpc/services.js";
import {
  createConnectClients,
  createGrpcClients,
  errorCodeOf,
} from "../../../src/client/client.js";
import { Health } from "../../../src/gen/grpc/health/v1/health_pb.js";
import { ServerReflection } from "../../../src/gen/grpc/reflection/v1/reflection_pb.js";
import { TaskService } from "../../../src/gen/tmlsr/v1/task_service_pb.js";
import { withIdleLimit } from "../../../src/input/upload/with-idle-limit.js";
import { eventually } from "../../support/eventually.js";
import { rawClient } from "../../support/raw-client.js";
import { startTestServer as startServer } from "../../support/test-server.js";
import { testTask } from "../../support/test-tasks.js";

/** Longer than any test may take: what ends before it did not wait for it. */
const NEVER_MS = 600_000;
/** No limit may come to the help of a stop. */
const limits = { pingIntervalMs: NEVER_MS, bodyTimeoutMs: NEVER_MS, stallTimeoutMs: NEVER_MS };
const startTestServer = () => startServer({ limits });

const INPUT = { url: "https://example.com/in.png" };

/** Reads a stream to its end. */
async function drain<T>(stream: AsyncIterable<T>, onFirst: (message: T) => void): Promise<T[]> {
  const messages: T[] = [];
  for await (const message of stream) {
    messages.push(message);
    if (messages.length === 1) onFirst(message);
  }
  return messages;
}

test("a stop tells every stream of whatever protocol UNAVAILABLE, and waits for none", async () => {
  const { api, url, tasks } = await startTestServer();
  const { taskId } = tasks.put(testTask());
  using grpcJs = createGrpcClients(url);
  using grpcWeb = createConnectClients(url, { protocol: "grpc-web" });
  const overHttp1 = createConnectTransport({ baseUrl: url, httpVersion: "1.1" });
  const connectHttp1 = createClient(TaskService, overHttp1);
  let begunCount = 0;
  const begun = () => {
    begunCount += 1;
  };
  const ends = [
    drain(grpcJs.tasks.watchTask({ taskId }), begun),
    drain(grpcWeb.tasks.watchTask({ taskId }), begun),
    drain(connectHttp1.watchTask({ taskId }), begun),
  ].map((end) => end.catch((error: unknown) => error));
  await eventually(() => begunCount === 3);
  await api.close({ graceMs: NEVER_MS });
  for (const error of await Promise.all(ends)) {
    expect(error).toMatchObject({ code: status.UNAVAILABLE });
    expect(errorCodeOf(error)).toBe("SHUTTING_DOWN");
  }
});

test("a stop ends server-sent events with an error event", async () => {
  const { api, port, tasks } = await startTestServer();
  const { taskId } = tasks.put(testTask());
  const client = await rawClient(port);
  client.socket.write(`GET /tasks/${taskId}:watch HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  await client.sees(taskId);
  await api.close({ graceMs: NEVER_MS });
  expect(await client.closed()).toMatch(/event: error\ndata: .*"code":"SHUTTING_DOWN"/);
});

test("a stop ends watches of health with NOT_SERVING, and open reflection", async () => {
  const { api, url } = await startTestServer();
  const transport = createGrpcTransport({ baseUrl: url });
  const health = createClient(Health, transport);
  const reflection = createClient(ServerReflection, transport);
  let begunCount = 0;
  const begun = () => {
    begunCount += 1;
  };
  const statuses: number[] = [];
  const watching = (async () => {
    for await (const { status: seen } of health.watch({})) {
      statuses.push(seen);
      begun();
    }
  })();
  async function* endlessQuestions() {
    yield { messageRequest: { case: "listServices", value: "" } } as const;
    await new Promise(() => undefined);
  }
  const reflecting = drain(reflection.serverReflectionInfo(endlessQuestions()), begun);
  const ends = [watching, reflecting].map((end) => end.catch((error: unknown) => error));
  await eventually(() => begunCount === 2);
  await api.close({ graceMs: NEVER_MS });
  for (const error of await Promise.all(ends))
    expect(error).toMatchObject({ code: status.UNAVAILABLE });
  expect(statuses).toEqual([1, 2]);
});

test("a stop waits for no client that is idle, silent or in the middle of a request", async () => {
  const { api, port, url } = await startTestServer();
  const silent = await rawClient(port);
  const halfHeaders = await rawClient(port);
  halfHeaders.socket.write("GET /health HTTP/1.1\r\nHo");
  const idle = await rawClient(port);
  idle.socket.write("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await idle.sees('{"status":"ok"}');
  const halfBody = await rawClient(port);
  halfBody.socket.write(
    "POST /tmlsr.v1.TaskService/CreateTask HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{",
  );
  const idleSession = connect(url);
  await eventually(() => idleSession.remoteSettings.maxConcurrentStreams !== undefined);
  const halfCall = connect(url);
  const stream = halfCall.request({
    ":method": "POST",
    ":path": "/tmlsr.v1.TaskService/CreateTask",
    "content-type": "application/grpc",
  });
  stream.on("error", () => undefined);
  const answer = new Promise((resolve) => stream.once("response", resolve));
  await eventually(() => api.connectionCount === 6);
  await api.close({ graceMs: NEVER_MS });
  expect(await silent.closed()).toBe("");
  expect(await halfHeaders.closed()).toBe("");
  expect(await halfBody.closed()).toMatch(/^HTTP\/1\.1 503 /);
  expect(await answer).toMatchObject({ ":status": 503 });
});

test("a stop waits for no upload that is coming in, and its client is told", async () => {
  const received: Uint8Array[] = [];
  const take: ApiServices["uploads"]["take"] = async (body, { signal }) => {
    const idle = () => new Error("The upload is not what is waited for");
    for await (const chunk of withIdleLimit(body, NEVER_MS, signal, idle)) received.push(chunk);
    throw new Error("The upload must not end as if it were whole");
  };
  const { api, port, url } = await startServer({ limits, services: { uploads: { take } } });
  const client = await rawClient(port);
  client.socket.write("POST /uploads HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n1");
  using clients = createGrpcClients(url);
  async function* unending() {
    yield Buffer.from("2");
    await new Promise(() => undefined);
  }
  const call = clients.upload(unending()).catch((error: unknown) => error);
  await eventually(() => Buffer.concat(received).length === 2);
  await api.close({ graceMs: NEVER_MS });
  expect(await client.closed()).toMatch(/^HTTP\/1\.1 503 /);
  expect(errorCodeOf(await call)).toBe("SHUTTING_DOWN");
});

test("a stop finds a connection at rest, whatever was asked over it", async () => {
  const { api, port } = await startTestServer();
  const client = await rawClient(port);
  const requests = [
    "GET /health",
    "HEAD /health",
    "GET /",
    "OPTIONS /tasks",
    "GET /%",
    "GET /tasks/none",
    "POST /nothing",
    "POST /health",
    "POST /tasks",
    "POST /tmlsr.v1.TaskService/Nothing",
    "POST /tmlsr.v1.TaskService/GetTask",
    "PUT /tmlsr.v1.TaskService/GetTask",
  ];
  for (const [index, request] of requests.entries()) {
    const [method, path] = request.split(" ");
    const body = method === "POST" || method === "PUT" ? "no JSON" : "";
    client.socket.write(
      `${method} ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    await eventually(() => client.received().toString().split("HTTP/1.1 ").length === index + 2);
  }
  await api.close({ graceMs: NEVER_MS });
});

test.each(["grpc", "http1"] as const)("a stop lets a unary call finish (%s)", async (kind) => {
  const { api, url, tasks } = await startTestServer();
  let finish: () => void = () => undefined;
  tasks.beforeCreate = () =>
    new Promise((resolve) => {
      finish = resolve;
    });
  using clients = createGrpcClients(url);
  const body = JSON.stringify(INPUT);
  const headers = { "content-type": "application/json" };
  const create =
    kind === "grpc"
      ? clients.tasks.createTask(INPUT)
      : fetch(`${url}/tasks`, { method: "POST", body, headers }).then((it) => it.json());
  await eventually(() => tasks.created.length === 1);
  const closing = api.close({ graceMs: NEVER_MS });
  finish();
  expect(await create).toMatchObject(kind === "grpc" ? { status: 1 } : { status: "ok" });
  await closing;
});

test("a stop cuts a unary call that outlasts the grace", async () => {
  const { api, url, tasks } = await startTestServer();
  tasks.beforeCreate = () => new Promise(() => undefined);
  using clients = createGrpcClients(url);
  const create = clients.tasks.createTask(INPUT).catch((error: unknown) => error);
  await eventually(() => tasks.created.length === 1);
  await api.close({ graceMs: 100 });
  expect(await create).toMatchObject({ code: status.UNAVAILABLE });
});

test("a request over a connection that is kept is refused during a stop", async () => {
  const { api, port, tasks } = await startTestServer();
  let finish: () => void = () => undefined;
  tasks.beforeCreate = () =>
    new Promise((resolve) => {
      finish = resolve;
    });
  const client = await rawClient(port);
  const body = JSON.stringify(INPUT);
  client.socket.write(
    `POST /tasks HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  await eventually(() => tasks.created.length === 1);
  const closing = api.close({ graceMs: NEVER_MS });
  client.socket.write("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
  finish();
  const received = await client.closed();
  await closing;
  expect(received).toMatch(/HTTP\/1\.1 200 .*HTTP\/1\.1 503 .*SHUTTING_DOWN/s);
});
