import { connect } from "node:net";
import { networkInterfaces } from "node:os";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { callHttp } from "../../../support/http-call.js";
import { COMPLETED } from "../../../support/task-store-builders.js";
import { expectProblem, INPUT_URL, useTestApp } from "../../../support/use-test-app.js";

// The forms that all routes share: names, values, media types, paths.

const api = useTestApp();

/** Every JSON route that needs no running work, with a task that has completed. */
async function jsonRoutes(): Promise<string[]> {
  const taskId = await api.submit({ type: "image" });
  await api.store.settle(await api.hold(taskId), COMPLETED);
  return [
    "/health",
    "/monitor/stats",
    "/tasks",
    `/tasks/${taskId}`,
    "/workflows",
    "/workflows/cpu_image_2x",
  ];
}

/** Every member of a JSON value with its name, but for those inside a JSON schema. */
function members(json: unknown): [string, unknown][] {
  if (typeof json !== "object" || json === null) return [];
  if (Array.isArray(json)) return json.flatMap(members);
  return Object.entries(json).flatMap(([name, value]) =>
    name === "parameters_schema" ? [[name, value]] : [[name, value], ...members(value)],
  );
}

async function allMembers(): Promise<[string, unknown][]> {
  const answers = await Promise.all((await jsonRoutes()).map((path) => api.get(path)));
  return answers.flatMap(({ body }) => members(body));
}

describe("answers", () => {
  test("are bare objects with names in snake case, of media type application/json", async () => {
    for (const path of await jsonRoutes()) {
      const { status, headers, body } = await api.get(path);
      expect([path, status]).toEqual([path, 200]);
      expect(headers["content-type"]).toBe("application/json; charset=utf-8");
      for (const [name] of members(body)) expect(name).toMatch(/^[a-z][a-z0-9_]*$/);
    }
  });

  test("have times with six digits", async () => {
    const times = (await allMembers()).filter(([name]) => /_(at|until|before)$/.test(name));
    const given = times.filter(([, value]) => value !== null);
    expect(given.length).toBeGreaterThan(5);
    for (const [, time] of given) expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  });

  test("have enums as words in lower case, and null for none", async () => {
    const all = await allMembers();
    for (const [name, value] of all)
      expect([name, value]).not.toEqual([name, expect.stringMatching(/unspecified/i)]);
    const words = all.filter(
      ([name, value]) => /^(status|state|type)$/.test(name) && value !== null,
    );
    for (const [, word] of words) expect(word).toMatch(/^[a-z_]+$/);
    const found = new Set(words.map(([, word]) => word));
    for (const word of ["ok", "completed", "image", "integer", "offline", "unknown"])
      expect(found).toContain(word);
  });

  test("are UTF-8, as requests are", async () => {
    const body = { url: "https://example.com/图.jpg", model: "模型 é 🎞" };
    const taskId = await api.submit(body);
    expect((await api.task(taskId)).params).toMatchObject(body);
    const latin1 = Buffer.from('{"url": "https://example.com/é.jpg"}', "latin1");
    const headers = { "content-type": "application/json" };
    const answer = await api.call("POST", "/tasks", { headers, body: latin1 });
    expectProblem(answer, {
      status: 400,
      code: "INVALID_REQUEST",
      detail: expect.stringContaining("UTF-8"),
    });
  });
});

describe("a request", () => {
  test("may have body fields and query parameters that nobody knows", async () => {
    const body = { url: INPUT_URL, unknown: { a: [1] }, type: "image" };
    expect((await api.call("POST", "/tasks?_=123", { body })).status).toBe(200);
    for (const path of await jsonRoutes()) {
      const answer = await api.get(`${path}?_=123&unknown=x&unknown=y`);
      expect([path, answer.status]).toEqual([path, 200]);
    }
  });

  test.each([
    ["page_size", "abc"],
    ["page_size", "501"],
    ["page_size", "-1"],
    ["page_size", "1&page_size=2"],
    ["status", "done"],
  ])("must not have a known parameter with a bad value: %s=%s", async (name, value) => {
    const answer = await api.get(`/tasks?${name}=${value}`);
    expectProblem(answer, { status: 400, code: "INVALID_REQUEST" });
    expect(answer.body.errors).toMatchObject([{ field: name }]);
    expect(answer.body.detail).toContain(name);
  });

  test.each([
    ["type", 0, "type must be one of video, image"],
    ["type", "unspecified", "type must be one of video, image"],
    ["priority", "high", "priority must be a whole number from 0 to 2"],
  ])("is told in its own words what a field takes: %s=%j", async (field, value, message) => {
    const { body } = await api.post({ url: INPUT_URL, [field]: value });
    expect(body.errors).toEqual([{ field, message }]);
  });

  test.each([
    ["/tasks?page_size=x", "page_size must be a whole number from 0 to 500"],
    [
      "/tasks/none:watch?cursor=x",
      'cursor must be empty or the "cursor" of a message that came before',
    ],
  ])("is told in its own words what a parameter takes: %s", async (path, message) => {
    expect((await api.get(path)).body.errors).toMatchObject([{ message }]);
  });

  test("must not have a compressed body: 415", async () => {
    const headers = { "content-type": "application/json", "content-encoding": "gzip" };
    const body = gzipSync(JSON.stringify({ url: INPUT_URL }));
    const answer = await api.call("POST", "/tasks", { headers, body });
    const detail = expect.stringContaining("Content-Encoding is not supported");
    expectProblem(answer, { status: 415, code: "UNSUPPORTED_MEDIA_TYPE", detail });
    expect(answer.headers["accept-encoding"]).toBe("identity");
    const plain = { ...headers, "content-encoding": "identity" };
    expect((await api.post({ url: INPUT_URL }, plain)).status).toBe(200);
  });

  test("may have null for whatever is left out", async () => {
    const names = ["type", "workflow", "model", "parameters", "priority", "not_before", "target"];
    const nulls = Object.fromEntries([...names, "idempotency_key"].map((name) => [name, null]));
    const task = await api.task(await api.submit(nulls));
    expect(task).toMatchObject({ type: "video", priority: 1, not_before: null });
    for (const [name, value] of Object.entries(task.params))
      expect([name, value]).toEqual([name, name === "url" ? INPUT_URL : null]);
  });

  test.each(["priority=2", "page_size=2"])("may have a number as a text: %s", async (given) => {
    const [name = "", value] = given.split("=");
    if (name === "page_size") expect((await api.get(`/tasks?${given}`)).status).toBe(200);
    else expect((await api.post({ url: INPUT_URL, [name]: value })).status).toBe(200);
  });

  test.each([
    "application/json",
    "application/json; charset=utf-8",
    "Application/JSON;charset=UTF-8;version=1",
    "application/vnd.api+json",
    "application/merge-patch+json; x=y",
  ])("may have a body of type %s", async (type) => {
    const body = JSON.stringify({ url: INPUT_URL });
    const answer = await api.call("POST", "/tasks", { headers: { "content-type": type }, body });
    expect(answer.status).toBe(200);
  });

  test.each([
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/jsonp",
    "application/xml",
    "garbage",
    undefined,
  ])("must not have a body of type %s: 415", async (type) => {
    const headers = type === undefined ? {} : { "content-type": type };
    const body = JSON.stringify({ url: INPUT_URL });
    const answer = await api.call("POST", "/tasks", { headers, body });
    expectProblem(answer, { status: 415, code: "UNSUPPORTED_MEDIA_TYPE" });
  });

  test.each(["application/json", "text/plain", "garbage", undefined])(
    "with an empty body of type %s is one with {}",
    async (type) => {
      const headers = type === undefined ? {} : { "content-type": type };
      for (const body of ["", undefined]) {
        const answer = await api.call("POST", "/tasks", { headers, body });
        expectProblem(answer, { status: 400, code: "INVALID_REQUEST" });
        expect(answer.body.errors).toEqual([{ field: "url", message: "url is required" }]);
      }
    },
  );

  test.each(["application/json", "text/plain"])(
    "of GET or DELETE has its body and its type %s ignored",
    async (type) => {
      const headers = { "content-type": type };
      for (const body of [undefined, "", "{not json"]) {
        const taskId = await api.submit();
        for (const method of ["GET", "DELETE"]) {
          const answer = await api.call(method, `/tasks/${taskId}`, { headers, body });
          expect(answer.status).toBe(200);
        }
      }
    },
  );

  test("may have a slash at the end of its path", async () => {
    for (const path of await jsonRoutes()) {
      const [plain, slash] = [await api.get(path), await api.get(`${path}/?_=1`)];
      expect([path, slash.status]).toEqual([path, 200]);
      expect(Object.keys(slash.body)).toEqual(Object.keys(plain.body));
    }
    const created = await api.call("POST", "/tasks/", { body: { url: INPUT_URL } });
    expect(created.status).toBe(200);
    const canceled = await api.call("DELETE", `/tasks/${created.body.task_id}/`);
    expect(canceled.body).toEqual({ status: "canceled" });
  });

  test("HEAD is answered like GET, without a body", async () => {
    for (const path of [...(await jsonRoutes()), "/docs", "/openapi.json"]) {
      const [get, head] = [await api.get(path), await api.call("HEAD", path)];
      expect([path, head.status, head.text]).toEqual([path, 200, ""]);
      expect(head.headers["content-type"]).toBe(get.headers["content-type"]);
    }
    const missing = await api.call("HEAD", "/tasks/none");
    expect([missing.status, missing.text]).toEqual([404, ""]);
  });
});

describe("by default it listens", () => {
  const hasIpv6 = Object.values(networkInterfaces())
    .flat()
    .some((one) => one?.address === "::1");

  test("on 127.0.0.1 and on ::1 where there is IPv6", async () => {
    const { port, urls } = api.app.app.api;
    const ipv6 = hasIpv6 ? [`http://[::1]:${port}`] : [];
    expect(urls).toEqual([`http://127.0.0.1:${port}`, ...ipv6]);
    for (const url of urls) {
      const response = await fetch(`${url}/health`);
      expect(await response.json()).toEqual({ status: "ok" });
    }
  });

  test("on no other interface", async () => {
    const others = Object.values(networkInterfaces())
      .flat()
      .filter((one) => one?.family === "IPv4" && !one.internal);
    for (const other of others) {
      const socket = connect(api.app.app.api.port, other?.address);
      const answer = await new Promise<unknown>((resolve) => {
        socket.once("connect", () => resolve("connected"));
        socket.once("error", ({ code }: NodeJS.ErrnoException) => resolve(code));
      });
      socket.destroy();
      expect(answer).toBe("ECONNREFUSED");
    }
  });
});

describe("with TMLSR_HOST=0.0.0.0", () => {
  const open = useTestApp({ env: { TMLSR_HOST: "0.0.0.0" } });

  test("it listens on every interface", async () => {
    const { port, urls } = open.app.app.api;
    expect(urls).toEqual([`http://0.0.0.0:${port}`]);
    for (const one of Object.values(networkInterfaces()).flat())
      if (one?.family === "IPv4") {
        const { status } = await callHttp(`http://${one.address}:${port}`, "GET", "/health");
        expect([one.address, status]).toEqual([one.address, 200]);
      }
  });
});
