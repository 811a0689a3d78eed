import { getEventListeners } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { json, text } from "node:stream/consumers";
import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type HandlerContext, type Interceptor } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { TaskError } from "../../../../src/domain/errors.js";
import { HealthStatus, MonitorService } from "../../../../src/gen/tmlsr/v1/monitor_service_pb.js";
import { TaskSchema, TaskStatus } from "../../../../src/gen/tmlsr/v1/task_pb.js";
import {
  type CreateTaskRequest,
  SubmitStatus,
  TaskService,
} from "../../../../src/gen/tmlsr/v1/task_service_pb.js";
import { eventually } from "../../../support/eventually.js";
import { implement, startRest } from "./rest-server.js";

const TASK = create(TaskSchema, {
  taskId: "f692edeb41cb4a3eaebd2db0044c0778",
  status: TaskStatus.COMPLETED,
  createdAt: timestampFromDate(new Date("2026-01-02T14:14:34.789Z")),
  output: { url: "https://bucket.example/result.png", sizeMb: 13.38 },
});

/** A server whose handlers remember what they were asked. */
async function startTasks() {
  const created: CreateTaskRequest[] = [];
  const contexts: HandlerContext[] = [];
  const tasks = implement(TaskService, {
    createTask(request) {
      created.push(request);
      return { status: SubmitStatus.OK, taskId: TASK.taskId };
    },
    getTask({ taskId }, context) {
      contexts.push(context);
      if (taskId !== TASK.taskId) throw new TaskError("TASK_NOT_FOUND", `No task "${taskId}"`);
      return { task: TASK };
    },
    cancelTask: () => ({ status: TaskStatus.CANCELED }),
    listTasks: ({ pageSize }) => ({ tasks: [], nextPageToken: String(pageSize) }),
  });
  const monitor = implement(MonitorService, { getHealth: () => ({ status: HealthStatus.OK }) });
  const server = await startRest([tasks, monitor]);
  const post = (body: string | Uint8Array<ArrayBuffer>, contentType?: string) =>
    fetch(`${server.url}/tasks`, {
      method: "POST",
      body,
      headers: contentType === undefined ? {} : { "content-type": contentType },
    });
  return { ...server, created, contexts, post };
}

const JSON_TYPE = "application/json";

describe("a unary call over REST", () => {
  it("answers with the field that response_body names", async () => {
    const { url } = await startTasks();
    const response = await fetch(`${url}/tasks/${TASK.taskId}`);
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("application/json; charset=utf-8");
    expect(await response.json()).toMatchObject({
      task_id: TASK.taskId,
      status: "completed",
      created_at: "2026-01-02T14:14:34.789000Z",
      stages: [],
      output: { url: "https://bucket.example/result.png", size_mb: 13.38, url_expires_at: null },
      error: null,
    });
  });

  it("reads the body into the request", async () => {
    const { post, created } = await startTasks();
    const body = { url: "https://example.com/ü.jpg", type: "image", priority: "2", other: 1 };
    const response = await post(JSON.stringify(body), "application/json; charset=utf-8");
    expect(await response.json()).toEqual({ status: "ok", task_id: TASK.taskId });
    expect(created).toMatchObject([{ url: "https://example.com/ü.jpg", type: 2, priority: 2 }]);
  });

  it("ignores a query parameter that it does not know", async () => {
    const { url } = await startTasks();
    const response = await fetch(`${url}/tasks?_=123&page_size=7`);
    expect(await response.json()).toEqual({ tasks: [], next_page_token: "7" });
  });

  it.each(["/health/", "/health?x"])("serves %s like /health", async (path) => {
    const { url } = await startTasks();
    const response = await fetch(url + path);
    expect(await response.json()).toEqual({ status: "ok" });
  });

  it("takes the absolute form of a URL", async () => {
    const { port } = await startTasks();
    const answer = await send(port, "GET", "http://example.com/health?x=1");
    expect(answer).toMatchObject({ status: 200, body: { status: "ok" } });
  });

  it("answers HEAD like GET, without the body", async () => {
    const { url } = await startTasks();
    const response = await fetch(`${url}/health`, { method: "HEAD" });
    expect(response.status).toBe(200);
    expect(response.headers.get("content-length")).toBe(String('{"status":"ok"}'.length));
    expect(await response.text()).toBe("");
  });

  it.each([JSON_TYPE, "text/plain", "garbage", "application/json; charset"])(
    "takes an empty body of type %s for {}",
    async (contentType) => {
      const { post, created } = await startTasks();
      expect((await post("", contentType)).status).toBe(200);
      expect(created).toMatchObject([{ url: "" }]);
    },
  );

  it.each(["GET", "DELETE"])("ignores body and Content-Type of %s", async (method) => {
    const { port } = await startTasks();
    const answer = await send(port, method, `/tasks/${TASK.taskId}`, "not json", {
      "content-type": "garbage",
      "content-length": "8",
    });
    expect(answer.status).toBe(200);
  });

  it("serves more than one call on a connection after a body that was ignored", async () => {
    const { url } = await startTasks();
    for (let count = 0; count < 3; count += 1) {
      const init = { method: "DELETE", body: "x".repeat(5_000) };
      const response = await fetch(`${url}/tasks/${TASK.taskId}`, init);
      expect(await response.json()).toEqual({ status: "canceled" });
    }
  });

  it("decodes an escaped path, however long", async () => {
    const { url, contexts } = await startTasks();
    const id = `ü/${"x".repeat(500)}:watch`;
    const response = await fetch(`${url}/tasks/${encodeURIComponent(id)}`);
    expect(response.status).toBe(404);
    expect(contexts).toHaveLength(1);
  });

  it.each(["1", "x:y", "%F0%9F%98%80", ".", "a b", "1:wtach", "__proto__"])(
    "says of the id %s that there is no such task",
    async (id) => {
      const { port } = await startTasks();
      const answer = await send(port, "GET", `/tasks/${id.replace(" ", "%20")}`);
      expect(answer).toMatchObject({ status: 404, body: { detail: "Task not found" } });
    },
  );

  it("gives the handler the request's headers and sends those it sets", async () => {
    const echo: Interceptor = (next) => async (request) => {
      const response = await next(request);
      response.header.set("x-echo", request.header.get("idempotency-key") ?? "");
      return response;
    };
    const monitor = implement(MonitorService, { getHealth: () => ({ status: HealthStatus.OK }) });
    const { url } = await startRest([monitor], { interceptors: [echo] });
    const response = await fetch(`${url}/health`, { headers: { "Idempotency-Key": "k" } });
    expect(response.headers.get("x-echo")).toBe("k");
  });

  it("is served over HTTP/2 as well", async () => {
    const monitor = implement(MonitorService, { getHealth: () => ({ status: HealthStatus.OK }) });
    const { url } = await startRest([monitor], { http2: true });
    const session = connectHttp2(url);
    try {
      const stream = session.request({ ":path": "/health" });
      expect(await json(stream)).toEqual({ status: "ok" });
    } finally {
      session.close();
    }
  });
});

describe("the time of a unary call over REST", () => {
  /** Answers when its signal is aborted, with why. */
  async function startWaiting() {
    const reasons: unknown[] = [];
    const signals: AbortSignal[] = [];
    const monitor = implement(MonitorService, {
      getHealth: (_request, { signal }) =>
        new Promise((_resolve, reject) => {
          signals.push(signal);
          signal.addEventListener("abort", () => {
            reasons.push(signal.reason);
            reject(signal.reason);
          });
        }),
    });
    return { ...(await startRest([monitor])), signals, reasons };
  }

  it("ends at the deadline of X-Server-Timeout", async () => {
    const { url } = await startWaiting();
    const response = await fetch(`${url}/health`, { headers: { "X-Server-Timeout": "0.05" } });
    expect(response.status).toBe(504);
    expect(await response.json()).toMatchObject({ code: "DEADLINE_EXCEEDED" });
  });

  it.each(["0", "-1", "x", ""])("is not %j", async (timeout) => {
    const { url } = await startWaiting();
    const response = await fetch(`${url}/health`, { headers: { "X-Server-Timeout": timeout } });
    expect(response.status).toBe(400);
  });

  it("ends when the client goes away", async () => {
    const { url, signals, reasons } = await startWaiting();
    const client = new AbortController();
    const response = fetch(`${url}/health`, { signal: client.signal }).catch(() => undefined);
    await eventually(() => signals.length === 1);
    client.abort();
    await response;
    await eventually(() => reasons.length === 1);
    expect(ConnectError.from(reasons[0]).code).toBe(Code.Canceled);
  });

  it("adds no listener to the signal of shutdown", async () => {
    const shutdown = new AbortController();
    const monitor = implement(MonitorService, { getHealth: () => ({ status: HealthStatus.OK }) });
    const { url } = await startRest([monitor], { shutdownSignal: shutdown.signal });
    const before = getEventListeners(shutdown.signal, "abort").length;
    for (let count = 0; count < 3; count += 1) await (await fetch(`${url}/health`)).text();
    await eventually(() => getEventListeners(shutdown.signal, "abort").length === before);
  });
});

describe("what REST refuses", () => {
  it("answers every problem in one form, without the member status", async () => {
    const { url } = await startTasks();
    const response = await fetch(`${url}/tasks/1`);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(await response.json()).toEqual({
      type: "about:blank",
      title: "Not Found",
      detail: "Task not found",
      code: "TASK_NOT_FOUND",
    });
  });

  it.each(["/nope", "/", "/tasks/1/2", "/tasks:nothing"])("is the path %s: 404", async (path) => {
    const { port } = await startTasks();
    const answer = await send(port, "GET", path);
    expect(answer).toMatchObject({ status: 404, body: { detail: "Not Found", code: "NOT_FOUND" } });
  });

  it.each([
    ["PUT", "/tasks", "POST, GET, HEAD"],
    ["OPTIONS", "/tasks", "POST, GET, HEAD"],
    ["PROPFIND", "/tasks", "POST, GET, HEAD"],
    ["POST", "/health", "GET, HEAD"],
    ["PATCH", `/tasks/${TASK.taskId}`, "GET, HEAD, DELETE"],
  ])("is the method %s of %s: 405", async (method, path, allow) => {
    const { port } = await startTasks();
    const answer = await send(port, method, path);
    expect(answer.headers.allow).toBe(allow);
    expect(answer).toMatchObject({ status: 405, body: { detail: "Method Not Allowed" } });
  });

  it.each(["text/plain", "application/x-www-form-urlencoded", "garbage", undefined])(
    "is a body of type %s: 415",
    async (contentType) => {
      const { port, created } = await startTasks();
      const headers = contentType === undefined ? {} : { "content-type": contentType };
      const answer = await send(port, "POST", "/tasks", '{"url":"http://x"}', headers);
      expect(answer).toMatchObject({ status: 415, body: { code: "UNSUPPORTED_MEDIA_TYPE" } });
      expect(created).toEqual([]);
    },
  );

  it("is a body that is too large: 413", async () => {
    const { post } = await startTasks();
    const response = await post(" ".repeat(10_001), JSON_TYPE);
    expect(response.status).toBe(413);
    expect(await response.json()).toMatchObject({
      code: "BODY_TOO_LARGE",
      detail: "Cannot read the request body: it is larger than 10000 bytes",
    });
  });

  it("is malformed JSON, saying where", async () => {
    const { post } = await startTasks();
    const response = await post('{\n  "url": nope\n}', JSON_TYPE);
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({
      type: "about:blank",
      title: "Bad Request",
      code: "INVALID_REQUEST",
      detail: 'Cannot read the request body as JSON: unexpected "n" at line 2, column 10',
    });
  });

  it("is a body with wrong types, naming all of them", async () => {
    const { post } = await startTasks();
    const response = await post('{"url":1,"type":"audio","priority":[]}', JSON_TYPE);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      code: "INVALID_REQUEST",
      errors: [
        { field: "url", message: "url must be a string" },
        { field: "type", message: "type must be one of video, image" },
        { field: "priority" },
      ],
    });
  });

  it.each(["/tasks/%zz", "/tasks/%", "/tasks/%C0%80", "/%zz"])("is %s: 400", async (path) => {
    const { port } = await startTasks();
    const answer = await send(port, "GET", path);
    expect(answer).toMatchObject({ status: 400, body: { code: "INVALID_REQUEST" } });
  });

  it("is anything unknown that a handler throws: 500 with nothing inside", async () => {
    const monitor = implement(MonitorService, {
      getHealth: () => {
        throw new Error("secret");
      },
    });
    const { url } = await startRest([monitor]);
    const response = await fetch(`${url}/health`);
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain("secret");
  });

  it("sends Retry-After", async () => {
    const monitor = implement(MonitorService, {
      getHealth: () => {
        throw new TaskError("QUEUE_FULL", "The queue is full", { retryAfterMs: 5_000 });
      },
    });
    const { url } = await startRest([monitor]);
    const response = await fetch(`${url}/health`);
    expect([response.status, response.headers.get("retry-after")]).toEqual([429, "5"]);
  });
});

/** A request that fetch would not send as it is. */
async function send(
  port: number,
  method: string,
  path: string,
  body = "",
  headers: Record<string, string> = {},
) {
  const request = httpRequest({ port, method, path, headers, agent: false });
  request.end(body);
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request.once("response", resolve).once("error", reject);
  });
  const content = await text(response);
  return {
    status: response.statusCode,
    headers: response.headers,
    body: content === "" ? undefined : (JSON.parse(content) as unknown),
  };
}
