import type { DescMethod } from "@bufbuild/protobuf";
import { expect, onTestFinished, test, vi } from "vitest";
import { needOfMethod, scopeOf } from "../../../src/api/identity/needs.js";
import { SCOPES } from "../../../src/domain/caller.js";
import { Health } from "../../../src/gen/grpc/health/v1/health_pb.js";
import { ServerReflection } from "../../../src/gen/grpc/reflection/v1/reflection_pb.js";
import { ServerReflection as AlphaReflection } from "../../../src/gen/grpc/reflection/v1alpha/reflection_pb.js";
import { AuditService } from "../../../src/gen/tmlsr/v1/audit_service_pb.js";
import { DeliveryService } from "../../../src/gen/tmlsr/v1/delivery_service_pb.js";
import { KeyService } from "../../../src/gen/tmlsr/v1/key_service_pb.js";
import { MonitorService } from "../../../src/gen/tmlsr/v1/monitor_service_pb.js";
import { TaskService } from "../../../src/gen/tmlsr/v1/task_service_pb.js";
import { UploadService } from "../../../src/gen/tmlsr/v1/upload_service_pb.js";
import { WorkflowService } from "../../../src/gen/tmlsr/v1/workflow_service_pb.js";
import { addKey, bearer, startAccessApp } from "../../support/access-app.js";
import { eachTransport } from "../../support/each-transport.js";
import type { TestApp } from "../../support/test-app.js";

vi.setConfig({ testTimeout: 240_000 });

const SERVICES = [
  ...[TaskService, MonitorService, WorkflowService, UploadService, KeyService, DeliveryService],
  ...[AuditService, Health, ServerReflection, AlphaReflection],
];
const METHODS: readonly DescMethod[] = SERVICES.flatMap(({ methods }) => methods);
const REFUSED = ["Unauthenticated", "PermissionDenied"];

test("asks every RPC for the right key, by every transport", async () => {
  const app = await openApp();
  const bad = await badKeys(app);
  const keys = await keysByScope(app);
  await submitOne(app);
  const cells = METHODS.flatMap((method) => {
    const need = needOfMethod(method);
    expect(need, `${method.name} has an entry`).toBeDefined();
    const scope = need && scopeOf(need, new Set());
    const states = Object.entries({ ...bad, ...keys[scope ?? "nothing"] });
    return Object.entries(eachTransport(app.url)).flatMap(([transport, call]) =>
      states.map(([state, key]) => ({
        name: `${method.parent.name}.${method.name} by ${transport}, ${state}`,
        expected: expectedOf(state, scope !== undefined),
        ending: () => call(method, key === undefined ? {} : bearer(key)),
      })),
    );
  });
  const wrong: string[] = [];
  for (const { name, expected, ending } of cells) {
    const found = (await ending()) ?? expected;
    if ((REFUSED.includes(found) ? found : "served") !== expected) wrong.push(`${name}: ${found}`);
  }
  expect(wrong).toEqual([]);
});

/** Streams of tasks begin with it. */
async function submitOne({ app: { store }, url }: TestApp): Promise<void> {
  const headers = { ...bearer(await addKey(store)), "content-type": "application/json" };
  const body = JSON.stringify({ url: "http://127.0.0.1:1/input.png", type: "image" });
  const { status } = await fetch(`${url}/tasks`, { method: "POST", headers, body });
  expect(status).toBe(200);
}

/** Undefined: no key at all. */
async function badKeys({ app: { store } }: TestApp) {
  const text = await addKey(store, { keyId: "revoked0" });
  await store.keys.revoke("revoked0");
  return {
    ...{ none: undefined, wrong: `tmlsr_${"x".repeat(51)}` },
    expired: await addKey(store, { expiresAt: new Date(Date.now() - 1) }),
    revoked: text.replace(/(?<=^tmlsr_).{8}/, "revoked0"),
  };
}

/** For each scope a key with all others and one with that alone. */
async function keysByScope({ app: { store } }: TestApp) {
  const keys: Record<string, { readonly small: string; readonly right: string }> = {};
  for (const scope of [...SCOPES, "nothing"])
    keys[scope] = {
      small: await addKey(store, { scopes: SCOPES.filter((each) => each !== scope) }),
      right: await addKey(store, { scopes: SCOPES.filter((each) => each === scope) }),
    };
  return keys;
}

function expectedOf(state: string, isGuarded: boolean): string {
  if (state === "right") return "served";
  if (state === "small") return isGuarded ? "PermissionDenied" : "served";
  // A bad key is told even where none is needed.
  return state === "none" && !isGuarded ? "served" : "Unauthenticated";
}

const NO_TASK = "0".repeat(32);
const ROUTES: Readonly<Record<string, string | undefined>> = {
  "GET /ready": undefined,
  "GET /": "read",
  "GET /dashboard": "read",
  "GET /docs": "read",
  "GET /openapi.json": "read",
  "GET /metrics": "operate",
  "POST /uploads": "submit",
  [`GET /outputs/${NO_TASK}/result.png`]: "read",
  [`GET /tasks/${NO_TASK}/input`]: "read",
  [`GET /tasks/${NO_TASK}/preview/input`]: "read",
  [`GET /tasks/${NO_TASK}/preview/output`]: "read",
  [`GET /tasks/${NO_TASK}/preview.m3u8`]: "read",
  [`GET /tasks/${NO_TASK}/preview/hls/picture.m3u8`]: "read",
};

test("asks every route that is no RPC for the right key", async () => {
  const app = await openApp();
  const { expired } = await badKeys(app);
  const keys = await keysByScope(app);
  for (const [route, scope] of Object.entries(ROUTES)) {
    const { small, right } = keys[scope ?? "nothing"] ?? { small: "", right: "" };
    const statuses = [
      ...[await statusOf(app, route, {}), await statusOf(app, route, bearer(expired))],
      ...[await statusOf(app, route, bearer(small)), await statusOf(app, route, bearer(right))],
    ];
    const refused = statuses.map((status) => (status === 401 || status === 403 ? status : 0));
    expect([route, refused]).toEqual([route, scope ? [401, 401, 403, 0] : [0, 401, 0, 0]]);
  }
});

test("serves what the configuration opens, without a key", async () => {
  const app = await openApp(["docs", "page", "metrics"]);
  for (const route of ["GET /docs", "GET /openapi.json", "GET /metrics"])
    expect([route, await statusOf(app, route, {})]).toEqual([route, 200]);
  expect(await statusOf(app, "GET /tasks", {})).toBe(401);
});

async function openApp(open: readonly string[] = []): Promise<TestApp> {
  const app = await startAccessApp({ file: { auth: { open, tries: 100_000 } } });
  onTestFinished(() => app[Symbol.asyncDispose]());
  return app;
}

async function statusOf({ url }: TestApp, route: string, headers: Record<string, string>) {
  const [method = "", path = ""] = route.split(" ");
  const response = await fetch(url + path, { method, headers, redirect: "manual" });
  await response.body?.cancel();
  return response.status;
}
