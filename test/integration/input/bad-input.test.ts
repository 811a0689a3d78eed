import { connect } from "node:http2";
import { afterEach, describe, expect, test } from "vitest";
import { errorCodeOf, errorDetailOf } from "../../../src/client/client.js";
import { eventually } from "../../support/eventually.js";
import { rawClient } from "../../support/raw-client.js";
import { expectProblem, INPUT_URL, useTestApp } from "../../support/use-test-app.js";

// Whatever is sent: a clear error, nothing stored, and the service goes on.

const api = useTestApp({ env: { TMLSR_INPUT_ALLOW: "203.0.113.7" } });

const NONE = { pending: 0, processing: 0, completed: 0, failed: 0, canceled: 0 };

afterEach(async () => {
  expect(await api.store.counts()).toEqual(NONE);
  expect((await api.get("/tasks")).body.tasks).toEqual([]);
  expect((await api.get("/health")).body).toEqual({ status: "ok" });
});

async function refused(body: unknown, field: string, text: string | RegExp): Promise<void> {
  const answer = await api.post(body);
  expectProblem(answer, { status: 400, code: "INVALID_REQUEST" });
  expect(answer.body.errors).toEqual([{ field, message: expect.stringMatching(text) }]);
  expect(answer.body.detail).toContain(answer.body.errors[0].message);
}

describe("a url", () => {
  test.each([
    ["that is missing", undefined, "url is required"],
    ["that is null", null, "url is required"],
    ["that is empty", "", "url is required"],
    ["of ftp", "ftp://example.com/in.png", "must begin with http:// or https://"],
    ["of a file", "file:///etc/passwd", "must begin with http:// or https://"],
    ["of data", "data:image/png;base64,AA==", "must begin with http:// or https://"],
    ["of a script", "javascript:alert(1)", "must begin with http:// or https://"],
    ["that is a path", "/etc/passwd", "must begin with http:// or https://"],
    ["that is no URL", "http://", "must be a complete http or https URL"],
    ["with an impossible port", "http://example.com:99999/", "must be a complete"],
    ["with credentials", "http://user:secret@example.com/", "user name or password"],
    ["that is too long", `https://example.com/${"a".repeat(8_192)}`, "8192"],
    ["that is a number", 5, "must be a string"],
    ["that is a list", [INPUT_URL], "must be a string"],
  ])("%s is refused", async (_name, url, text) => {
    await refused({ url }, "url", text);
  });

  test.each([
    "http://127.0.0.1/",
    "http://127.1/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0177.0.0.1/",
    "http://127.0.0.1./",
    "http://１２７.０.０.１/",
    "HTTP://10.1.2.3:80/in.png",
    "http://172.16.0.1/",
    "http://192.168.1.1/",
    "http://100.64.0.1/",
    "http://0/",
    "http://255.255.255.255/",
    "http://224.0.0.1/",
    "http://[::1]/",
    "http://[::]/",
    "http://[fd00::1]/",
    "http://[fe80::1]/",
    "http://[::ffff:10.0.0.1]/",
    "http://[::ffff:a00:1]/",
    "http://[64:ff9b::10.0.0.1]/",
    "http://[2002:a00:1::]/",
    "http://169.254.169.254/latest/meta-data/",
    "http://[fd00:ec2::254]/",
    "http://100.100.100.200/",
  ])("that is the literal private address %s is refused", async (url) => {
    await refused({ url }, "url", /^url must not lead to ".*", which is /);
  });

  test("is not repeated with its password in an error", async () => {
    const { text } = await api.post({ url: "http://user:secret@10.0.0.1/in.png?sig=secret" });
    expect(text).not.toContain("secret");
  });
});

describe("a workflow", () => {
  test.each([
    ["no_such_workflow", "Unknown workflow"],
    ["../cpu_image_2x", "is a path"],
    ["..\\cpu_image_2x", "is a path"],
    ["/etc/passwd", "is a path"],
    ["cpu_image_2x/", "is a path"],
    ["..", "Unknown workflow"],
    [".", "Unknown workflow"],
    ["cpu_image_2x\u0000", "Unknown workflow"],
    ["__proto__", "Unknown workflow"],
    ["constructor", "Unknown workflow"],
    ["x".repeat(201), "200"],
  ])("%j is refused", async (workflow, text) => {
    await refused({ url: INPUT_URL, workflow }, "workflow", text);
  });
});

describe("wrong types", () => {
  test.each([
    ["type", 1.5, "must be one of video, image"],
    ["type", {}, "must be one of video, image"],
    ["type", "", "must be one of video, image"],
    ["type", "unspecified", "type must"],
    ["workflow", 5, "must be a string"],
    ["model", ["seedvr2"], "must be a string"],
    ["parameters", "x", "must be an object"],
    ["parameters", [1], "must be an object"],
    ["priority", "high", "must be a whole number"],
    ["priority", 1.5, "must be a whole number"],
    ["priority", 1e10, "must be a whole number"],
    ["priority", {}, "must be a whole number"],
    ["not_before", "soon", "must be a time"],
    ["not_before", 1_767_363_327, "must be a time"],
    ["idempotency_key", 5, "must be a string"],
  ])("of %s are refused: %j", async (field, value, text) => {
    await refused({ url: INPUT_URL, [field]: value }, field, text);
  });

  test.each(["[]", "5", '"text"', "true"])("of the whole body are refused: %s", async (body) => {
    const headers = { "content-type": "application/json" };
    const answer = await api.call("POST", "/tasks", { headers, body });
    expectProblem(answer, { status: 400, code: "INVALID_REQUEST" });
  });
});

describe("a body", () => {
  const headers = { "content-type": "application/json" };

  test.each([
    ["that ends early", '{"url": "http://example.com'],
    ["with a comma too many", '{"url": "http://example.com",}'],
    ["with an unquoted key", "{url: 1}"],
    ["that is two", "{}{}"],
    ["with NaN", '{"url": NaN}'],
    ["with a control character", '{"url": "a\nb"}'],
  ])("%s is refused, and told where", async (_name, body) => {
    const answer = await api.call("POST", "/tasks", { headers, body });
    expectProblem(answer, { status: 400, code: "INVALID_REQUEST" });
    expect(answer.body.detail).toMatch(/ at line \d+, column \d+$/);
  });

  test.each([
    ["nested without end", `{"parameters": ${'{"a":'.repeat(50_000)}1${"}".repeat(50_000)}}`],
    ["of brackets", `{"target": ${"[".repeat(100_000)}${"]".repeat(100_000)}}`],
    ["with a prototype", `{"url": "${INPUT_URL}", "__proto__": {"priority": 2}}`],
    ["that is no UTF-8", Buffer.from([0x7b, 0xff, 0x7d])],
    ["with half a character", String.raw`{"url": "http://example.com/\ud800"}`],
  ])("%s is refused", async (_name, body) => {
    const answer = await api.call("POST", "/tasks", { headers, body });
    expectProblem(answer, { status: 400, code: "INVALID_REQUEST" });
  });

  test("that is huge is refused before it is read", async () => {
    const client = await rawClient(api.app.app.api.port);
    client.socket.write(
      `POST /tasks HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${10 ** 12}\r\n\r\n{`,
    );
    await client.sees("BODY_TOO_LARGE");
    expect(client.received().toString()).toMatch(/^HTTP\/1\.1 413 /);
  });

  test("that is huge is refused over gRPC too", async () => {
    const url = `https://example.com/${"a".repeat(2 * 1024 * 1024)}`;
    const error = await api.app.grpc.tasks.createTask({ url }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 8 });
  });
});

test.each([
  { url: "ftp://example.com", priority: 3 },
  { url: "http://10.0.0.1/", priority: 3, workflow: "no_such" },
])("bad requests are told the same over gRPC, with every violation: %j", async (request) => {
  const error = await api.app.grpc.tasks.createTask(request).catch((thrown: unknown) => thrown);
  expect(errorCodeOf(error)).toBe("INVALID_REQUEST");
  const { body } = await api.post(request);
  const violations = errorDetailOf(error)?.violations ?? [];
  expect(violations.map(({ field, message }) => ({ field, message }))).toEqual(body.errors);
  expect(violations.map(({ field }) => field).sort()).toEqual(Object.keys(request).sort());
});

test("what is no HTTP is answered 400 or dropped", async () => {
  for (const nonsense of ["GET\r\n\r\n", "\0\0\0\0\0\0\r\n\r\n", "GET / HTTP/9.9\r\n\r\n"]) {
    const client = await rawClient(api.app.app.api.port);
    client.socket.write(nonsense);
    expect(await client.closed()).toMatch(/^(HTTP\/1\.1 400 [\s\S]*)?$/);
  }
});

test("300 half-sent requests held open keep nobody else from being served", async () => {
  const { port } = api.app.app.api;
  const halves = [
    "GET /hea",
    "POST /tasks HTTP/1.1\r\nHost: localhost\r\nContent-Ty",
    'POST /tasks HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"url": "http',
    "PRI * HTTP/2.0\r\n\r\nSM\r\n",
  ];
  const before = api.app.app.api.connectionCount;
  const clients = await Promise.all(Array.from({ length: 300 }, () => rawClient(port)));
  for (const [index, { socket }] of clients.entries())
    socket.write(halves[index % halves.length] ?? "");
  await eventually(() => api.app.app.api.connectionCount >= before + 300);
  for (let count = 0; count < 10; count++)
    expect((await api.get("/health")).body).toEqual({ status: "ok" });
  expectProblem(await api.post({}), { status: 400, code: "INVALID_REQUEST" });
  await api.app.grpc.monitor.getHealth({});
  for (const { socket } of clients) socket.destroy();
  await eventually(() => api.app.app.api.connectionCount <= before + 2);
});

test("a hundred half-sent calls over HTTP/2 keep nobody else from being served", async () => {
  const session = connect(api.app.url);
  session.on("error", () => undefined);
  for (let count = 0; count < 100; count++) {
    const stream = session.request({
      ":method": "POST",
      ":path": "/tmlsr.v1.TaskService/CreateTask",
      "content-type": "application/grpc",
    });
    stream.on("error", () => undefined);
    stream.write(Buffer.from([0, 0, 0, 0, 9]));
  }
  await api.app.grpc.monitor.getHealth({});
  session.destroy();
});
