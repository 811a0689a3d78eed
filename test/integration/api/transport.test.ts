import { createServer } from "node:net";
import { setImmediate as tick } from "node:timers/promises";
import { Code, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { describe, expect, test } from "vitest";
import { TaskService } from "../../../src/gen/tmlsr/v1/task_service_pb.js";
import { eventually } from "../../support/eventually.js";
import { rawClient } from "../../support/raw-client.js";
import { startTestServer } from "../../support/test-server.js";

const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/** An empty SETTINGS frame (RFC 9113, section 6.5), and the acknowledgement of one. */
const SETTINGS = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
const GET_HEALTH = "GET /health HTTP/1.1\r\nHost: localhost\r\n";

describe("the port", () => {
  test("is one for IPv4 and IPv6", async () => {
    const { api, port } = await startTestServer({ hosts: ["127.0.0.1", "::1"] });
    expect(api.urls).toContain(`http://127.0.0.1:${port}`);
    for (const url of api.urls) expect((await fetch(`${url}/health`)).status).toBe(200);
  });

  test("that is taken is named in the error", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await using _ = { [Symbol.asyncDispose]: async () => void taken.close() };
    await eventually(() => taken.listening);
    const { port } = taken.address() as { port: number };
    await expect(startTestServer({ port })).rejects.toThrow(
      `Cannot listen on host "127.0.0.1", port ${port}: the port is in use`,
    );
  });

  test("answers REST over HTTP/1.1 and over HTTP/2 in clear text", async () => {
    const { port, url } = await startTestServer();
    expect(await (await fetch(`${url}/health`)).json()).toEqual({ status: "ok" });
    const client = await rawClient(port);
    client.socket.write(PREFACE);
    client.socket.write(SETTINGS);
    await eventually(() => client.received()[3] === 4);
  });

  test("knows an HTTP/2 client whose preface dribbles in", async () => {
    const { port } = await startTestServer();
    const client = await rawClient(port);
    for (const char of PREFACE) {
      client.socket.write(char);
      await tick();
    }
    client.socket.write(SETTINGS);
    await eventually(() => client.received()[3] === 4);
  });

  test("logs a client that goes before its body has come as nothing of note", async () => {
    const { port, logLines } = await startTestServer();
    const before = logLines.length;
    const client = await rawClient(port);
    client.socket.write("POST /tasks HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n");
    client.socket.write('Content-Type: application/json\r\n\r\n{"url":');
    await tick();
    client.socket.destroy();
    const said = () => logLines.slice(before);
    await eventually(() => said().some(({ msg }) => msg === "Request broken off by its client"));
    expect(said().every(({ level, err }) => level === 20 && err === undefined)).toBe(true);
  });

  test.each([
    ["/tmlsr.v1.MonitorService/GetHealth", "POST, GET"],
    ["/tmlsr.v1.TaskService/CreateTask", "POST"],
  ])("tells which methods are allowed at %s", async (path, allow) => {
    const { url } = await startTestServer();
    const { status, headers } = await fetch(url + path, { method: "PUT" });
    expect([status, headers.get("allow")]).toEqual([405, allow]);
  });

  test("answers what is no HTTP with 400", async () => {
    const { port } = await startTestServer();
    const client = await rawClient(port);
    client.socket.write("\u0016\u0003\u0001 no HTTP\r\n\r\n");
    expect(await client.closed()).toMatch(/^HTTP\/1\.1 400 .*"code":"INVALID_REQUEST"/s);
  });
});

describe("an upgrade", () => {
  const h2c = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n";

  async function start() {
    const upgrades: string[] = [];
    const plugin: Parameters<typeof startTestServer>[0] = {
      plugins: [
        (app) => {
          app.server.on("upgrade", (request, socket) => {
            upgrades.push(String(request.url));
            socket.end("HTTP/1.1 101 Switching Protocols\r\n\r\n");
          });
        },
      ],
    };
    return { ...(await startTestServer(plugin)), upgrades };
  }

  test("to h2c is answered over HTTP/1.1, as often as it is asked for", async () => {
    const { port } = await start();
    const client = await rawClient(port);
    client.socket.write(`${GET_HEALTH}${h2c}\r\n`);
    await client.sees('{"status":"ok"}');
    client.socket.write(
      `POST /tasks HTTP/1.1\r\nHost: localhost\r\n${h2c}Content-Type: application/json\r\nContent-Length: 21\r\n\r\n{"url":"http://a/b?"}`,
    );
    await client.sees("task_id");
    client.socket.write(`${GET_HEALTH}Connection: close\r\n\r\n`);
    expect((await client.closed()).match(/HTTP\/1\.1 200 /g)).toHaveLength(3);
  });

  test("to a WebSocket reaches its listener", async () => {
    const { port, upgrades } = await start();
    const client = await rawClient(port);
    client.socket.write(
      "GET /socket HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    );
    await client.sees("101 Switching Protocols");
    expect(upgrades).toEqual(["/socket"]);
  });
});

describe("a request", () => {
  test("above the limit is 413 over REST, RESOURCE_EXHAUSTED over Connect", async () => {
    const { url } = await startTestServer({ limits: { maxRequestBytes: 1_000 } });
    const body = JSON.stringify({ url: `https://a/${"x".repeat(1_000)}` });
    const headers = { "content-type": "application/json" };
    const answer = await fetch(`${url}/tasks`, { method: "POST", body, headers });
    expect(answer.status).toBe(413);
    const transport = createConnectTransport({ baseUrl: url, httpVersion: "1.1" });
    const call = createClient(TaskService, transport).createTask(JSON.parse(body));
    await expect(call).rejects.toMatchObject({ code: Code.ResourceExhausted });
  });

  test("that names no host is answered", async () => {
    const { port } = await startTestServer();
    const client = await rawClient(port);
    client.socket.write("POST /tmlsr.v1.MonitorService/GetHealth HTTP/1.0\r\n\r\n");
    expect(await client.closed()).toMatch(/^HTTP\/1\.1 400 /);
    const bad = await rawClient(port);
    bad.socket.write(
      "POST /tmlsr.v1.MonitorService/GetHealth HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n",
    );
    expect(await bad.closed()).toMatch(/^HTTP\/1\.1 400 /);
  });

  test("for a method that is not there is UNIMPLEMENTED", async () => {
    const { url } = await startTestServer();
    const answer = await fetch(`${url}/tmlsr.v1.TaskService/Nothing`, { method: "POST" });
    expect(answer.status).toBe(404);
  });
});

describe("a page of another origin", () => {
  const origin = "https://page.test";
  const preflight = {
    method: "OPTIONS",
    headers: {
      origin,
      "access-control-request-method": "POST",
      "access-control-request-headers": "content-type,connect-protocol-version,idempotency-key",
    },
  };
  const PATHS = ["/tasks", "/tmlsr.v1.TaskService/CreateTask"];

  test.each(PATHS)("may not call %s", async (path) => {
    const { url } = await startTestServer();
    const answer = await fetch(url + path, preflight);
    expect(answer.headers.has("access-control-allow-origin")).toBe(false);
  });

  test.each(PATHS)("may call %s where its origin is configured", async (path) => {
    const { url } = await startTestServer({ corsOrigins: [origin] });
    const allowed = await fetch(url + path, preflight);
    expect(allowed.headers.get("access-control-allow-origin")).toBe(origin);
    expect(allowed.headers.get("access-control-allow-headers")).toMatch(
      /Content-Type.*Connect-Protocol-Version.*Idempotency-Key.*X-Server-Timeout/,
    );
    const body = JSON.stringify({ url: "https://example.com/in.png" });
    const headers = { origin, "content-type": "application/json" };
    const answer = await fetch(url + path, { method: "POST", headers, body });
    expect(answer.status).toBe(200);
    expect(answer.headers.get("access-control-allow-origin")).toBe(origin);
    expect(answer.headers.get("access-control-expose-headers")).toContain("Grpc-Status");
    const other = { ...preflight.headers, origin: "https://other.test" };
    const refused = await fetch(url + path, { ...preflight, headers: other });
    expect(refused.headers.has("access-control-allow-origin")).toBe(false);
  });
});
