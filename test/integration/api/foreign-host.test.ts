import type { LookupFunction } from "node:net";
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { describe, expect, test } from "vitest";
import { createGrpcClients, errorCodeOf } from "../../../src/client/client.js";
import { TaskService } from "../../../src/gen/tmlsr/v1/task_service_pb.js";
import { rawClient } from "../../support/raw-client.js";
import { startTestServer } from "../../support/test-server.js";
import { expectProblem, INPUT_URL, useTestApp } from "../../support/use-test-app.js";

// A page whose host name was made to lead to this machine calls the service as if it were its own.

const FOREIGN = "evil.example";
const REFUSED = { status: 421, code: "HOST_NOT_ALLOWED" } as const;
/** Leads every name here, as the name service of such a page does. */
const lookup: LookupFunction = (_name, { all }, callback) =>
  all ? callback(null, [{ address: "127.0.0.1", family: 4 }]) : callback(null, "127.0.0.1", 4);
const nodeOptions = { lookup };

const TRANSPORTS: Record<string, (baseUrl: string) => Transport> = {
  "gRPC over HTTP/2": (baseUrl) => createGrpcTransport({ baseUrl, nodeOptions }),
  "gRPC-Web over HTTP/1.1": (baseUrl) =>
    createGrpcWebTransport({ baseUrl, httpVersion: "1.1", nodeOptions }),
  "gRPC-Web over HTTP/2": (baseUrl) =>
    createGrpcWebTransport({ baseUrl, httpVersion: "2", nodeOptions }),
  "Connect over HTTP/1.1": (baseUrl) =>
    createConnectTransport({ baseUrl, httpVersion: "1.1", nodeOptions }),
  "Connect binary over HTTP/2": (baseUrl) =>
    createConnectTransport({ baseUrl, httpVersion: "2", useBinaryFormat: true, nodeOptions }),
};

describe("a service that listens on loopback only", () => {
  const api = useTestApp({
    env: {
      TMLSR_ALLOWED_HOSTS: "gateway.example, 10.1.2.3",
      TMLSR_PUBLIC_URL: "https://sr.example",
    },
  });

  test("takes no task from a page whose name leads here, and says which setting is meant", async () => {
    const answer = await api.post({ url: INPUT_URL }, { host: `${FOREIGN}:6008` });
    expectProblem(answer, {
      ...REFUSED,
      detail: expect.stringMatching(/"evil\.example".*TMLSR_ALLOWED_HOSTS/),
    });
    expect((await api.get("/tasks")).body.tasks).toEqual([]);
  });

  test.each([
    ["GET", "/health"],
    ["GET", "/ready"],
    ["GET", "/"],
    ["GET", "/docs"],
    ["GET", "/openapi.json"],
    ["GET", "/metrics"],
    ["GET", "/outputs/0/a.png"],
    ["POST", "/uploads"],
    ["GET", "/monitor/stats:watch"],
    ["GET", "/nothing/there"],
    ["OPTIONS", "/tasks"],
    ["PROPFIND", "/tasks"],
  ])("refuses %s %s for another host before anything else", async (method, path) => {
    expectProblem(await api.call(method, path, { headers: { host: FOREIGN } }), REFUSED);
  });

  test("refuses it byte by byte over HTTP/1.1, in the URL and in the header", async () => {
    for (const head of [
      `GET /health HTTP/1.1\r\nHost: ${FOREIGN}`,
      `GET /health HTTP/1.0\r\nHost: ${FOREIGN}`,
      `GET http://${FOREIGN}/health HTTP/1.1\r\nHost: localhost`,
      `GET /health HTTP/1.1\r\nHost: ${FOREIGN}\r\nUpgrade: websocket`,
    ]) {
      const client = await rawClient(api.app.app.api.port);
      client.socket.write(`${head}\r\nConnection: close\r\n\r\n`);
      expect(await client.closed()).toMatch(
        /^HTTP\/1\.1 421 Misdirected Request\r\n.*HOST_NOT_ALLOWED/s,
      );
    }
  });

  test.each(Object.entries(TRANSPORTS))(
    "tells a client of %s as its protocol does",
    async (_, open) => {
      const client = createClient(TaskService, open(`http://${FOREIGN}:${api.app.app.api.port}`));
      const error = await client.createTask({ url: INPUT_URL }).catch((thrown: unknown) => thrown);
      expect(ConnectError.from(error).code).toBe(Code.PermissionDenied);
      expect(errorCodeOf(error)).toBe("HOST_NOT_ALLOWED");
      expect(ConnectError.from(error).rawMessage).toContain("TMLSR_ALLOWED_HOSTS");
      expect((await api.get("/tasks")).body.tasks).toEqual([]);
    },
  );

  test("tells a client of grpc-js, unary and streaming", async () => {
    const channelOptions = { "grpc.default_authority": `${FOREIGN}:80` };
    using grpc = createGrpcClients(api.app.url, { channelOptions });
    const unary = await grpc.monitor.getStats({}).catch((thrown: unknown) => thrown);
    expect(errorCodeOf(unary)).toBe("HOST_NOT_ALLOWED");
    expect(String(unary)).toContain('the host "evil.example", and this service');
    const stream = grpc.monitor.watchStats({})[Symbol.asyncIterator]();
    expect(errorCodeOf(await stream.next().catch((thrown: unknown) => thrown))).toBe(
      "HOST_NOT_ALLOWED",
    );
  });

  test.each([
    "localhost",
    "LocalHost.:80",
    "127.0.0.1:6008",
    "127.9.8.7",
    "[::1]:6008",
    "[::ffff:127.0.0.1]",
    "gateway.example",
    "GATEWAY.example:443",
    "10.1.2.3:8080",
    "sr.example",
  ])("serves requests for %s", async (host) => {
    expect((await api.get("/health", { host })).body).toEqual({ status: "ok" });
  });

  test.each([
    "gateway.example.evil.example",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "10.1.2.4",
  ])("refuses requests for %s", async (host) =>
    expectProblem(await api.get("/health", { host }), REFUSED),
  );

  test.each(["localhost@evil.example", "evil.example/localhost", "a b", "[::1"])(
    "cannot read the host %s",
    async (host) =>
      expectProblem(await api.get("/health", { host }), { status: 400, code: "INVALID_REQUEST" }),
  );

  test("serves what names no host, as old health checks do", async () => {
    const client = await rawClient(api.app.app.api.port);
    client.socket.write("GET /health HTTP/1.0\r\n\r\n");
    expect(await client.closed()).toContain('{"status":"ok"}');
  });
});

test("a service that listens on other addresses serves requests for any host", async () => {
  const { port } = await startTestServer({ hosts: ["0.0.0.0"] });
  const client = await rawClient(port);
  client.socket.write(`GET /health HTTP/1.1\r\nHost: ${FOREIGN}\r\nConnection: close\r\n\r\n`);
  expect(await client.closed()).toMatch(/^HTTP\/1\.1 200 /);
});
