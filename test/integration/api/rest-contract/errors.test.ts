import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterEach, describe, expect, test, vi } from "vitest";
import { TaskError } from "../../../../src/domain/errors.js";
import { expectProblem, INPUT_URL, useTestApp } from "../../../support/use-test-app.js";

// What REST answers when it cannot do what was asked.

const api = useTestApp();

const fieldsOf = ({ errors }: { errors: { field: string }[] }) =>
  errors.map(({ field }) => field).sort();

afterEach(() => {
  vi.restoreAllMocks();
});

/** Makes the store throw at the next reading of a task. */
async function answerTo(thrown: unknown) {
  vi.spyOn(api.store, "get").mockRejectedValueOnce(thrown);
  return await api.get("/tasks/f692edeb41cb4a3eaebd2db0044c0778");
}

describe("a problem", () => {
  test("has type, title, detail and code, and no status", async () => {
    const answer = await api.get("/tasks/none");
    expect(answer.status).toBe(404);
    expect(answer.headers["content-type"]).toBe("application/problem+json");
    expect(answer.body).toEqual({
      type: "about:blank",
      title: "Not Found",
      detail: "Task not found",
      code: "TASK_NOT_FOUND",
    });
  });

  test("of a bad request has its errors beside", async () => {
    const answer = await api.post({});
    expect(answer.status).toBe(400);
    expect(answer.body).toEqual({
      type: "about:blank",
      title: "Bad Request",
      detail: "Cannot accept the request: url is required",
      code: "INVALID_REQUEST",
      errors: [{ field: "url", message: "url is required" }],
    });
  });

  test.each([
    [{ url: 1, type: "audio", priority: "x", model: {} }, ["model", "priority", "type", "url"]],
    [{ url: "ftp://example.com", priority: 3 }, ["priority", "url"]],
    [{ url: "http://10.0.0.1/", workflow: "none" }, ["url", "workflow"]],
    [{ url: "ftp://example.com", type: "audio", priority: 3 }, ["priority", "type", "url"]],
    [{ priority: "x", workflow: "none" }, ["priority", "url", "workflow"]],
    [
      { url: "http://10.0.0.1/", priority: 3, workflow: "cpu_image_2x", parameters: { none: 1 } },
      ["parameters.none", "priority", "url"],
    ],
    [{ url: INPUT_URL, workflow: 5, parameters: { none: 1 } }, ["workflow"]],
    [{ url: 5, idempotency_key: "" }, ["idempotency_key", "url"]],
  ])("names all that is wrong at once: %j", async (body, fields) => {
    const answer = await api.post(body);
    expectProblem(answer, { status: 400, code: "INVALID_REQUEST" });
    expect(fieldsOf(answer.body)).toEqual(fields);
  });
});

describe("the HTTP status", () => {
  test.each([
    ["INVALID_ARGUMENT", Code.InvalidArgument, 400, "INVALID_REQUEST"],
    ["FAILED_PRECONDITION", Code.FailedPrecondition, 400, "FAILED_PRECONDITION"],
    ["UNAUTHENTICATED", Code.Unauthenticated, 401, "UNAUTHENTICATED"],
    ["PERMISSION_DENIED", Code.PermissionDenied, 403, "PERMISSION_DENIED"],
    ["NOT_FOUND", Code.NotFound, 404, "NOT_FOUND"],
    ["ABORTED", Code.Aborted, 409, "ABORTED"],
    ["ALREADY_EXISTS", Code.AlreadyExists, 409, "ALREADY_EXISTS"],
    ["RESOURCE_EXHAUSTED", Code.ResourceExhausted, 429, "RESOURCE_EXHAUSTED"],
    ["UNAVAILABLE", Code.Unavailable, 503, "UNAVAILABLE"],
    ["DEADLINE_EXCEEDED", Code.DeadlineExceeded, 504, "DEADLINE_EXCEEDED"],
  ])("of %s is right", async (_name, grpcCode, status, code) => {
    const answer = await answerTo(new ConnectError("why", grpcCode));
    expectProblem(answer, { status, code, detail: "why" });
  });

  test("of an unknown error is 500, with nothing inside", async () => {
    const answer = await answerTo(new Error("secret of /srv/data"));
    expectProblem(answer, { status: 500, code: "INTERNAL" });
    expect(answer.text).not.toMatch(/secret|srv/);
  });

  test("of a store that does not answer is 503", async () => {
    const answer = await answerTo(new TaskError("STORE_UNAVAILABLE", "Cannot reach the store"));
    expectProblem(answer, { status: 503, code: "STORE_UNAVAILABLE" });
  });

  test("of a call that takes longer than its client waits is 504", async () => {
    vi.spyOn(api.store, "get").mockReturnValueOnce(new Promise(() => undefined));
    const answer = await api.get("/tasks/none", { "x-server-timeout": "0.05" });
    expectProblem(answer, { status: 504, code: "DEADLINE_EXCEEDED" });
  });

  test.each(["/nothing", "/tasks/1/2", "/tasks//", "/task", "/monitor", "/outputs/none/none.png"])(
    "of the path %s is 404",
    async (path) => {
      const expected = { status: 404, code: "NOT_FOUND", detail: "Not Found" };
      expectProblem(await api.get(path), expected);
    },
  );

  test.each([
    ["PUT", "/tasks", "GET HEAD POST"],
    ["DELETE", "/tasks/", "GET HEAD POST"],
    ["PROPFIND", "/tasks", "GET HEAD POST"],
    ["POST", "/tasks/none", "DELETE GET HEAD"],
    ["PATCH", "/tasks/none", "DELETE GET HEAD"],
    ["POST", "/tasks/none:watch", "GET HEAD"],
    ["POST", "/health", "GET HEAD"],
    ["OPTIONS", "/health", "GET HEAD"],
    ["DELETE", "/monitor/stats", "GET HEAD"],
    ["POST", "/monitor/stats:watch", "GET HEAD"],
    ["POST", "/workflows", "GET HEAD"],
    ["PUT", "/workflows/none", "GET HEAD"],
    ["POST", "/ready", "GET HEAD"],
    ["POST", "/metrics", "GET HEAD"],
    ["POST", "/openapi.json", "GET HEAD"],
    ["POST", "/docs", "GET HEAD"],
    ["DELETE", "/", "GET HEAD"],
    ["POST", "/outputs/none/none.png", "GET HEAD"],
  ])("of %s %s is 405 with Allow", async (method, path, allow) => {
    const answer = await api.call(method, path);
    const detail = "Method Not Allowed";
    expectProblem(answer, { status: 405, code: "METHOD_NOT_ALLOWED", detail });
    expect(answer.headers.allow?.split(", ").sort().join(" ")).toBe(allow);
  });

  test("of a body that is too large is 413", async () => {
    const answer = await api.post({ url: INPUT_URL, target: "x".repeat(1024 * 1024) });
    expectProblem(answer, {
      status: 413,
      code: "BODY_TOO_LARGE",
      detail: expect.stringContaining("1048576 bytes"),
    });
  });

  test("of a body that turns out to be too large is 413", async () => {
    const socket = connect(api.app.app.api.port, "127.0.0.1");
    socket.write(
      "POST /tasks HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
    );
    socket.on("error", () => undefined);
    const size = 600_000;
    for (let sent = 0; sent < 2; sent++)
      socket.write(`${size.toString(16)}\r\n${" ".repeat(size)}\r\n`);
    socket.write("0\r\n\r\n");
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 413 [\s\S]*BODY_TOO_LARGE/);
  });
});

describe("malformed JSON", () => {
  test.each([
    ['{"url": "https://example.com/a.jpg",}', 'unexpected "}" at line 1, column 37'],
    ['{\n  "url": x\n}', 'unexpected "x" at line 2, column 10'],
    ['{"url": "a"', "unexpected end at line 1, column 12"],
    ["{'url': 1}", 'unexpected "\'" at line 1, column 2'],
    ["x", 'unexpected "x" at line 1, column 1'],
    [" ", "unexpected end at line 1, column 2"],
  ])("is answered with where: %j", async (body, where) => {
    const headers = { "content-type": "application/json" };
    expectProblem(await api.call("POST", "/tasks", { headers, body }), {
      status: 400,
      code: "INVALID_REQUEST",
      detail: `Cannot read the request body as JSON: ${where}`,
    });
  });

  test.each(["[1]", '"text"', "5"])("or JSON that is no object is refused: %s", async (body) => {
    const headers = { "content-type": "application/json" };
    expectProblem(await api.call("POST", "/tasks", { headers, body }), {
      status: 400,
      code: "INVALID_REQUEST",
      detail: "Cannot read the request body: it must be a JSON object",
    });
  });
});

describe("a full queue", () => {
  const small = useTestApp({ env: { TMLSR_MAX_PENDING: "2" } });

  test("answers 429 with Retry-After, and takes tasks again once there is room", async () => {
    const taskId = await small.submit();
    const key = { idempotency_key: "first" };
    const kept = await small.submit(key);
    const answer = await small.post({ url: INPUT_URL });
    expectProblem(answer, { status: 429, code: "QUEUE_FULL" });
    expect(answer.headers["retry-after"]).toMatch(/^[1-9]\d*$/);
    expect(await small.submit(key)).toBe(kept);
    expect(await small.store.counts()).toMatchObject({ pending: 2 });
    await small.call("DELETE", `/tasks/${taskId}`);
    await small.submit();
  });
});
