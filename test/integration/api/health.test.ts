import { Code, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { expect, test } from "vitest";
import {
  Health,
  HealthCheckResponse_ServingStatus as Status,
} from "../../../src/gen/grpc/health/v1/health_pb.js";
import type { Readiness } from "../../../src/service/monitor-service.js";
import { eventually } from "../../support/eventually.js";
import { startTestServer } from "../../support/test-server.js";

/** A service whose readiness the test sets. */
async function start(ready: () => Promise<Readiness> = async () => ({ ready: true })) {
  const state = { ready };
  const unused = async () => {
    throw new Error("Not asked for in this test");
  };
  const more = { history: unused, doctor: unused, watchStats: () => [] as never };
  const monitor = { ...more, stats: unused, ready: () => state.ready() };
  const { url } = await startTestServer({ services: { monitor } });
  const health = createClient(Health, createGrpcTransport({ baseUrl: url }));
  return { state, url, health };
}

test("health is SERVING for all and for each service while the service is ready", async () => {
  const { health, state } = await start();
  expect((await health.check({})).status).toBe(Status.SERVING);
  expect((await health.check({ service: "tmlsr.v1.TaskService" })).status).toBe(Status.SERVING);
  state.ready = async () => ({ ready: false, reason: "No server of the pool is ready" });
  expect((await health.check({})).status).toBe(Status.NOT_SERVING);
  const { statuses } = await health.list({});
  expect(Object.keys(statuses)).toEqual([
    "",
    "tmlsr.v1.TaskService",
    "tmlsr.v1.MonitorService",
    "tmlsr.v1.WorkflowService",
    "tmlsr.v1.UploadService",
    "tmlsr.v1.DeliveryService",
    "grpc.health.v1.Health",
  ]);
  expect(statuses[""]?.status).toBe(Status.NOT_SERVING);
});

test("health of a service that is not there is NOT_FOUND, and SERVICE_UNKNOWN to a watch", async () => {
  const { health } = await start();
  await expect(health.check({ service: "none" })).rejects.toMatchObject({ code: Code.NotFound });
  for await (const { status } of health.watch({ service: "none" }, { timeoutMs: 120_000 })) {
    expect(status).toBe(Status.SERVICE_UNKNOWN);
    break;
  }
});

test("a watch of health tells each change", async () => {
  const { health, state } = await start();
  const seen: Status[] = [];
  const controller = new AbortController();
  const watching = (async () => {
    for await (const { status } of health.watch({}, { signal: controller.signal }))
      seen.push(status);
  })().catch(() => undefined);
  await eventually(() => seen.length === 1);
  state.ready = async () => ({ ready: false });
  await eventually(() => seen.length === 2);
  controller.abort();
  await watching;
  expect(seen).toEqual([Status.SERVING, Status.NOT_SERVING]);
});

test("GET /ready answers 200, or 503 with the reason", async () => {
  const { url, state } = await start();
  const ready = await fetch(`${url}/ready`);
  expect([ready.status, await ready.json()]).toEqual([200, { ready: true }]);
  state.ready = async () => ({ ready: false, reason: "No server of the pool is ready" });
  const unready = await fetch(`${url}/ready`);
  const reason = "No server of the pool is ready";
  expect([unready.status, await unready.json()]).toEqual([503, { ready: false, reason }]);
  state.ready = async () => {
    throw new Error("secret");
  };
  const broken = await fetch(`${url}/ready`);
  expect(broken.status).toBe(503);
  expect(await broken.text()).not.toContain("secret");
});

test("GET / leads to the page", async () => {
  const { url } = await start();
  const answer = await fetch(url, { redirect: "manual" });
  expect([answer.status, answer.headers.get("location")]).toEqual([302, "/dashboard"]);
});
