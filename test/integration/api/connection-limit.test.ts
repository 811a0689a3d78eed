import { Code } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { createGrpcClients, errorCodeOf } from "../../../src/client/client.js";
import { eventually } from "../../support/eventually.js";
import { callHttp } from "../../support/http-call.js";
import { rawClient } from "../../support/raw-client.js";
import { startTestServer } from "../../support/test-server.js";
import { expectProblem } from "../../support/use-test-app.js";

const GET_HEALTH = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";

/** None of the others closes an idle connection. */
const LIMITS = { maxConnectionCount: 2, sniffTimeoutMs: 600_000 };

describe("with as many connections as may be open", () => {
  async function startFull() {
    const server = await startTestServer({ limits: LIMITS });
    const clients = [await rawClient(server.port), await rawClient(server.port)];
    for (const { socket } of clients) socket.write(GET_HEALTH);
    for (const client of clients) await client.sees('{"status":"ok"}');
    return { ...server, clients };
  }

  test("a request over one more is refused with what to do, and its connection is closed", async () => {
    const { url, port } = await startFull();
    const answer = await callHttp(url, "GET", "/health");
    expectProblem(answer, {
      status: 503,
      code: "TOO_MANY_CONNECTIONS",
      detail: expect.stringContaining("TMLSR_MAX_CONNECTIONS"),
    });
    expect(Number(answer.headers["retry-after"])).toBeGreaterThan(0);
    const client = await rawClient(port);
    client.socket.write(GET_HEALTH);
    expect(await client.closed()).toMatch(/^HTTP\/1\.1 503 .*TOO_MANY_CONNECTIONS/s);
  });

  test("a gRPC client is told UNAVAILABLE, and served once another has gone", async () => {
    const { url, clients } = await startFull();
    using grpc = createGrpcClients(url);
    const error = await grpc.monitor.getStats({}).catch((thrown: unknown) => thrown);
    expect(errorCodeOf(error)).toBe("TOO_MANY_CONNECTIONS");
    expect(error).toMatchObject({ code: Code.Unavailable });
    clients[0]?.socket.destroy();
    await eventually(async () => (await grpc.monitor.getHealth({})) !== undefined);
  });

  test("those that are open go on being served", async () => {
    const { url, clients } = await startFull();
    expect((await callHttp(url, "GET", "/health")).status).toBe(503);
    for (const { socket } of clients) socket.write(GET_HEALTH);
    for (const { received } of clients)
      await eventually(() => received().toString().match(/"ok"/g)?.length === 2);
  });

  test("of many more that say nothing few are kept, and those not for long", async () => {
    const { api, port } = await startFull();
    const more = await Promise.all(Array.from({ length: 150 }, () => rawClient(port)));
    await eventually(() => api.connectionCount <= 102);
    await Promise.all(more.map(({ closed }) => closed()));
    await eventually(() => api.connectionCount === 2);
  });
});
