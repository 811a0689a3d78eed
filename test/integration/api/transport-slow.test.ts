import { setMaxListeners } from "node:events";
import { connect } from "node:http2";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import type { ApiServices } from "../../../src/api/rpc/services.js";
import { createConnectClients, createGrpcClients } from "../../../src/client/client.js";
import { eventually } from "../../support/eventually.js";
import { rawClient } from "../../support/raw-client.js";
import { startTestServer, type TestServer } from "../../support/test-server.js";
import { type TestTasks, testTask } from "../../support/test-tasks.js";

const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/** An empty SETTINGS frame (RFC 9113, section 6.5). */
const SETTINGS = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
const GET_HEALTH = "GET /health HTTP/1.1\r\nHost: localhost\r\n";

/** Not all streams come to stand in the same place. */
const STREAM_COUNT = 50;

describe("a slow client", () => {
  test("that sends nothing is dropped", async () => {
    const { port } = await startTestServer({ limits: { sniffTimeoutMs: 50 } });
    const silent = await rawClient(port);
    const halfPreface = await rawClient(port);
    halfPreface.socket.write(PREFACE.slice(0, 10));
    expect(await silent.closed()).toBe("");
    expect(await halfPreface.closed()).toBe("");
  });

  test("that ends before it says anything is dropped", async () => {
    const { port, api } = await startTestServer();
    const client = await rawClient(port);
    client.socket.end();
    await client.closed();
    await eventually(() => api.connectionCount === 0);
  });

  test("whose headers do not end is answered 408", async () => {
    const { port } = await startTestServer({ limits: { headersTimeoutMs: 50 } });
    const client = await rawClient(port);
    client.socket.write(GET_HEALTH);
    expect(await client.closed()).toMatch(/^HTTP\/1\.1 408 /);
  });

  const slowBody = { bodyTimeoutMs: 50, sweepIntervalMs: 10 };

  test.each(["/tasks", "/tmlsr.v1.TaskService/CreateTask", "/nothing"])(
    "whose body to %s does not end is answered 408 or cut",
    async (path) => {
      const { port } = await startTestServer({ limits: slowBody });
      const client = await rawClient(port);
      client.socket.write(
        `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{`,
      );
      const received = await client.closed();
      expect(received).toMatch(path === "/nothing" ? /^HTTP\/1\.1 404 / : /^HTTP\/1\.1 408 /);
    },
  );

  const UPLOAD = "POST /uploads HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n";

  test("that uploads may take as long as it likes in all", async () => {
    const received: Uint8Array[] = [];
    const uploads: ApiServices["uploads"] = {
      take: async (body) => {
        for await (const chunk of body) received.push(chunk);
        return { url: "upload://1/a.png", sizeBytes: 5, mediaType: "a/b", expiresAt: new Date() };
      },
    };
    const { port } = await startTestServer({ limits: slowBody, services: { uploads } });
    const client = await rawClient(port);
    client.socket.write(UPLOAD);
    const startedAt = performance.now();
    for (const byte of "12345") {
      client.socket.write(byte);
      await eventually(() => received.length > 0 && performance.now() - startedAt > 100);
    }
    await client.sees("HTTP/1.1 201 Created");
    expect(Buffer.concat(received).toString()).toBe("12345");
  });

  test("that goes on uploading what has its answer is cut", async () => {
    const { port } = await startTestServer({ limits: { ...slowBody, stallTimeoutMs: 50 } });
    const client = await rawClient(port);
    client.socket.write(UPLOAD);
    expect(await client.closed()).toMatch(/^HTTP\/1\.1 500 /);
  });

  test("whose call's body does not end is refused over HTTP/2 too", async () => {
    const { url, api } = await startTestServer({ limits: slowBody });
    const session = connect(url);
    const stream = session.request({
      ":method": "POST",
      ":path": "/tmlsr.v1.TaskService/CreateTask",
      "content-type": "application/grpc",
    });
    stream.on("error", () => undefined);
    stream.write(Buffer.from([0, 0, 0, 0, 9]));
    const [headers] = await new Promise<[{ ":status"?: number | undefined }]>((resolve) => {
      stream.once("response", (...args) => resolve([args[0]]));
    });
    expect(headers[":status"]).toBe(408);
    await eventually(() => stream.closed);
    session.close();
    await eventually(() => api.connectionCount === 0);
  });

  test("does not hurt others, be there hundreds of it", async () => {
    const limits = { headersTimeoutMs: 500, sniffTimeoutMs: 500 };
    const { port, url, api } = await startTestServer({ limits });
    const slow = await Promise.all(Array.from({ length: 300 }, () => rawClient(port)));
    for (const [index, { socket }] of slow.entries())
      socket.write((index % 2 === 0 ? GET_HEALTH : PREFACE).slice(0, 20));
    using clients = createGrpcClients(url);
    await clients.monitor.getHealth({});
    expect((await fetch(`${url}/health`)).status).toBe(200);
    await eventually(() => api.connectionCount < 10);
  });
});

describe("a client that is frozen", () => {
  test("is found by pings and dropped", async () => {
    const { port, api } = await startTestServer({
      limits: { pingIntervalMs: 50, pingTimeoutMs: 50 },
    });
    const client = await rawClient(port);
    client.socket.write(PREFACE);
    client.socket.write(SETTINGS);
    await client.closed();
    await eventually(() => api.connectionCount === 0);
  });

  test("is not taken for one that answers pings", async () => {
    const { url, api } = await startTestServer({
      limits: { pingIntervalMs: 10, pingTimeoutMs: 2_000 },
    });
    const session = connect(url);
    let pingCount = 0;
    session.on("ping", () => {
      pingCount += 1;
    });
    await eventually(() => pingCount > 5);
    expect(api.connectionCount).toBe(1);
    session.close();
  });
});

describe("a reader that stops reading", () => {
  /** Opens streams that are read no further than their first message, and waits until nothing more can be sent. */
  async function openStalled(server: TestServer) {
    const { tasks, url } = server;
    tasks.flood = true;
    const clients = createConnectClients(url);
    const { taskId } = tasks.put(testTask({ runningNode: "x".repeat(2_000) }));
    const controller = new AbortController();
    const { signal } = controller;
    setMaxListeners(STREAM_COUNT, signal);
    const streams = Array.from({ length: STREAM_COUNT }, () =>
      clients.tasks.watchTask({ taskId }, { signal })[Symbol.asyncIterator](),
    );
    await Promise.all(streams.map((stream) => stream.next()));
    await untilStalled(tasks);
    return { clients, controller };
  }

  test("frees its handlers when it leaves", async () => {
    const server = await startTestServer();
    const { clients } = await openStalled(server);
    expect(server.tasks.openStreamCount).toBe(STREAM_COUNT);
    clients[Symbol.dispose]();
    await eventually(() => server.tasks.openStreamCount === 0);
  });

  test("frees the handler of a stream it cancels", async () => {
    const server = await startTestServer();
    const { clients, controller } = await openStalled(server);
    controller.abort();
    await eventually(() => server.tasks.openStreamCount === 0);
    clients[Symbol.dispose]();
  });

  test("frees its handler when it leaves (HTTP/1.1)", async () => {
    const server = await startTestServer();
    const client = await openStalledEvents(server);
    expect(server.tasks.openStreamCount).toBe(1);
    client.socket.destroy();
    await eventually(() => server.tasks.openStreamCount === 0);
  });

  test("is cut off after a while", async () => {
    const limits = { stallTimeoutMs: 200, sweepIntervalMs: 20 };
    const server = await startTestServer({ limits });
    await openStalledEvents(server);
    await eventually(() => server.tasks.openStreamCount === 0);
    const { clients } = await openStalled(server);
    await eventually(() => server.tasks.openStreamCount === 0);
    clients[Symbol.dispose]();
  });
});

/** Opens a Connect stream over HTTP/1.1 and reads nothing of it. */
async function openStalledEvents({ tasks, port }: TestServer) {
  tasks.flood = true;
  const { taskId } = tasks.put(testTask({ runningNode: "x".repeat(2_000) }));
  const client = await rawClient(port);
  client.socket.pause();
  const message = JSON.stringify({ taskId });
  const length = String.fromCharCode(message.length);
  client.socket.write(
    `POST /tmlsr.v1.TaskService/WatchTask HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/connect+json\r\nContent-Length: ${message.length + 5}\r\n\r\n\0\0\0\0${length}${message}`,
  );
  await untilStalled(tasks);
  return client;
}

/** Waits until nothing is sent any more. */
function untilStalled(tasks: TestTasks): Promise<boolean> {
  const isStalled = async () => {
    const { sentCount } = tasks;
    await sleep(100);
    return sentCount > 0 && tasks.sentCount === sentCount;
  };
  return eventually(isStalled);
}
