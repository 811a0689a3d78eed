import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openapi } from "../../../../src/gen/openapi.js";
import { aPicture } from "../../../support/pictures.js";
import { COMPLETED, createOne } from "../../../support/task-store-builders.js";
import { expectProblem, INPUT_URL, useTestApp } from "../../../support/use-test-app.js";

// The routes beside the documented ones.

const api = useTestApp();

interface Page {
  readonly tasks: readonly { readonly task_id: string; readonly status: string }[];
  readonly next_page_token: string;
}

const idsOf = ({ tasks }: Page) => tasks.map(({ task_id }) => task_id);

describe("GET /tasks", () => {
  const listed = useTestApp();
  const page = async (query = ""): Promise<Page> => (await listed.get(`/tasks${query}`)).body;

  test("of none is empty lists and texts", async () => {
    const { text } = await listed.get("/tasks");
    expect(text).toBe('{"tasks":[],"next_page_token":""}');
  });

  test("lists the newest first, 50 a page where nothing else is asked", async () => {
    const ids: string[] = [];
    for (let count = 0; count < 60; count++) ids.unshift((await createOne(listed.store)).taskId);
    const first = await page();
    expect(idsOf(first)).toEqual(ids.slice(0, 50));
    expect(first.tasks[0]).toEqual(await listed.task(ids[0] ?? ""));
    const query = `?page_token=${encodeURIComponent(first.next_page_token)}`;
    // What is added meanwhile is on no later page.
    await createOne(listed.store);
    const second = await page(query);
    expect(idsOf(second)).toEqual(ids.slice(50));
    expect(second.next_page_token).toBe("");
  });

  test.each([
    ["page_size=7", 7],
    ["page_size=0", 50],
    ["page_size=500", 61],
    ["page_size=7&status=pending", 7],
    ["status=completed", 0],
  ])("?%s gives %i", async (query, count) => {
    expect((await page(`?${query}`)).tasks).toHaveLength(count);
  });

  test("lists by status", async () => {
    const taskId = await listed.submit();
    await listed.store.settle(await listed.hold(taskId), COMPLETED);
    expect(await page("?status=completed")).toMatchObject({
      tasks: [{ task_id: taskId, status: "completed" }],
      next_page_token: "",
    });
  });

  test("hides the query strings of input URLs", async () => {
    await listed.submit({ url: `${INPUT_URL}?sig=secret` });
    const { text } = await listed.get("/tasks?page_size=1");
    expect(text).toContain(`${INPUT_URL}?***`);
    expect(text).not.toContain("secret");
  });

  test.each(["nonsense", "%27", "-1"])("refuses a page token that is none: %s", async (token) => {
    const answer = await listed.get(`/tasks?page_token=${token}`);
    expectProblem(answer, { status: 400, code: "INVALID_REQUEST" });
    expect(answer.body.detail).toContain("page token");
  });
});

describe("GET /workflows", () => {
  test("lists them by name, with what they take", async () => {
    const { workflows } = (await api.get("/workflows")).body;
    const names = workflows.map(({ name }: { name: string }) => name);
    expect(names).toEqual(names.toSorted());
    expect(names).toContain("seedvr2_image_4096");
    for (const { name } of workflows)
      expect(workflows).toContainEqual((await api.get(`/workflows/${name}`)).body);
  });

  test.each([
    ["esrgan_image_2x", "esrgan_image_2x"],
    ["esrgan_image_2x.json", "esrgan_image_2x"],
    ["SeedVR2Defeat", "seedvr2_image_2048"],
  ])("/%s shows one", async (name, found) => {
    const { status, body } = await api.get(`/workflows/${name}`);
    expect(status).toBe(200);
    expect(body).toMatchObject({ name: found, type: "image", runnable: false, servers: [] });
    expect(body.parameters_schema).toMatchObject({ type: "object", additionalProperties: false });
  });

  test.each(["none", "..%2fcpu_image_2x", "%zz", "a:b"])("/%s is not found", async (name) => {
    const answer = await api.get(`/workflows/${name}`);
    expectProblem(answer, { status: 404, code: "WORKFLOW_NOT_FOUND" });
  });
});

describe("GET /outputs/{task_id}/{file}", () => {
  test("serves a local result, whole and in ranges", async () => {
    const taskId = await api.submit();
    const directory = join(api.app.dataDir, "outputs", taskId);
    await mkdir(directory, { recursive: true });
    await writeFile(join(directory, "result.png"), "0123456789");
    const path = `/outputs/${taskId}/result.png`;
    const whole = await api.get(path);
    expect([whole.status, whole.text]).toEqual([200, "0123456789"]);
    expect(whole.headers).toMatchObject({ "content-type": "image/png", "accept-ranges": "bytes" });
    const part = await api.get(path, { range: "bytes=2-4" });
    expect([part.status, part.text]).toEqual([206, "234"]);
    expect(part.headers["content-range"]).toBe("bytes 2-4/10");
    const beyond = await api.get(path, { range: "bytes=10-" });
    expectProblem(beyond, { status: 416, code: "RANGE_NOT_SATISFIABLE" });
  });
});

describe("POST /uploads", () => {
  test("answers 201 with a URL that POST /tasks accepts", async () => {
    const body = await aPicture();
    const uploaded = await api.call("POST", "/uploads?name=photo.jpg", { body });
    expect(uploaded.status).toBe(201);
    expect(Object.keys(uploaded.body)).toEqual(["url", "size_bytes", "media_type", "expires_at"]);
    const { url } = uploaded.body;
    expect(url).toMatch(/^upload:\/\/[0-9a-f]{32}\/photo\.png$/);
    const task = await api.task(await api.submit({ url, type: "image" }));
    expect(task.params.url).toBe(url);
    const { text } = await api.get("/tasks?page_size=1");
    // Whoever knows the id can use the upload.
    expect(text).toContain("upload://***/photo.png");
  });

  test.each([
    ["that nobody uploaded", `upload://${"0".repeat(32)}/a.png`, /is unknown or has expired/],
    ["with another name", `upload://${"0".repeat(32)}/..%2fa.png`, /the service gave for the/],
    ["that leads elsewhere", "upload://../../outputs/a.png", /the service gave for the upload/],
  ])("gives no URL %s", async (_what, url, message) => {
    const answer = await api.post({ url, type: "image" });
    expectProblem(answer, { status: 400, code: "INVALID_REQUEST" });
    expect(answer.body.errors).toEqual([{ field: "url", message: expect.stringMatching(message) }]);
  });
});

describe("documentation", () => {
  test("is served at /openapi.json and as a page at /docs", async () => {
    expect((await api.get("/openapi.json")).body).toEqual(openapi);
    const page = await api.get("/docs");
    expect(page.headers["content-type"]).toBe("text/html; charset=utf-8");
    expect(page.text).toContain("/tasks/{task_id}");
    // It works without the internet: nothing is loaded from elsewhere.
    expect(page.text).not.toMatch(/(src|href)="(https?:)?\/\//);
  });
});

describe("GET /dashboard", () => {
  test("is a page, with or without a final slash", async () => {
    const page = await api.get("/dashboard");
    expect(page.status).toBe(200);
    expect(page.headers["content-type"]).toBe("text/html; charset=utf-8");
    expect((await api.get("/dashboard/")).text).toBe(page.text);
  });

  test("is where GET / leads", async () => {
    const { status, headers } = await api.get("/");
    expect([status, headers.location]).toEqual([302, "/dashboard"]);
  });

  test("allows nothing inline, and pictures and films from the service and the storage alone", async () => {
    const { headers, text } = await api.get("/dashboard");
    const policy = String(headers["content-security-policy"]);
    expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self';");
    expect(policy).toMatch(/img-src 'self' http:\/\/localhost:\d+;/);
    expect(policy).not.toContain("unsafe");
    expect(text).not.toMatch(/<style|style="|<script>|(src|href)="(https?:)?\/\//);
  });

  test("has files that never change under their names, and nothing else", async () => {
    const { text } = await api.get("/dashboard");
    const [script = ""] = /\/dashboard\/assets\/[\w-]+\.js/.exec(text) ?? [];
    const answer = await api.get(script);
    expect(answer.headers["content-type"]).toContain("javascript");
    expect(answer.headers["cache-control"]).toBe("public, max-age=31536000, immutable");
    for (const path of ["", "nope.js", "..%2findex.html", "..%2f..%2fmain.js"])
      expectProblem(await api.get(`/dashboard/assets/${path}`), { status: 404, code: "NOT_FOUND" });
    const posted = await api.call("POST", script);
    expectProblem(posted, { status: 405, code: "METHOD_NOT_ALLOWED" });
  });
});

test("GET /metrics is text for Prometheus", async () => {
  const { status, headers, text } = await api.get("/metrics");
  expect(status).toBe(200);
  expect(headers["content-type"]).toMatch(/^text\/plain/);
  expect(text).toMatch(/^# TYPE /m);
});
