import { rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { startCpuServer } from "../../../support/cpu-server.js";
import { eventually } from "../../../support/eventually.js";
import { ossEnv, startOss } from "../../../support/oss-server-fixture.js";
import { aPicture } from "../../../support/pictures.js";
import { startTestApp, type TestApp } from "../../../support/test-app.js";
import { postUpload, uploadFiles } from "../../../support/uploads.js";

const FAST = { simulate: { steps: 1, stepMs: 1 } };
const WORKFLOW = { type: "image", workflow: "cpu_image_2x" };
const HOUR_MS = 3_600_000;

/** Uploads a picture. @returns its URL. */
async function uploadTo(app: TestApp): Promise<string> {
  const { status, body } = await postUpload(app.url, await aPicture(), {}, "?name=photo.jpg");
  expect(status).toBe(201);
  return body.url;
}

function pathOf(app: TestApp, url: string): string {
  return join(app.dataDir, "uploads", url.slice("upload://".length));
}

describe("a task completes with an upload", () => {
  test("on local disk, and the upload stays for others", async () => {
    await using server = await startCpuServer({ switches: FAST });
    await using app = await startTestApp({ servers: [server.url] });
    const url = await uploadTo(app);
    for (const _ of [1, 2])
      expect(await app.ended(await app.submit({ ...WORKFLOW, url }))).toMatchObject({
        status: "completed",
        input: { media_type: "image/png", width: 32, height: 24 },
        stages: [{ name: "download", detail: "Download complete" }, {}, {}],
      });
    // The work directory goes after the task's end.
    await eventually(async () =>
      expect(await uploadFiles(app.dataDir)).toEqual([pathOf(app, url)]),
    );
  });

  test("in the bucket, which any replica reads", async () => {
    const oss = await startOss();
    await using server = await startCpuServer({ switches: FAST });
    const env = ossEnv(oss);
    await using taker = await startTestApp({ env });
    await using worker = await startTestApp({ servers: [server.url], env });
    const url = await uploadTo(taker);
    expect([...oss.objects.keys()]).toEqual([`uploads/${url.slice("upload://".length)}`]);
    expect(await uploadFiles(taker.dataDir)).toEqual([]);
    oss.inject({ operation: "GetObject", effect: { kind: "cut-reply", afterBytes: 50 } });
    const task = await worker.ended(await worker.submit({ ...WORKFLOW, url }));
    expect(task).toMatchObject({ status: "completed", retries: 0 });
  });

  test("that expires while the task waits", async () => {
    await using server = await startCpuServer({ switches: FAST });
    await using app = await startTestApp({ servers: [server.url] });
    const url = await uploadTo(app);
    const notBefore = new Date(Date.now() + 1_000).toISOString();
    const taskId = await app.submit({ ...WORKFLOW, url, not_before: notBefore });
    await age(app, url, 100 * HOUR_MS);
    expect(await app.ended(taskId)).toMatchObject({ status: "completed" });
  });
});

describe("submitting an upload", () => {
  test("that has expired is refused, and one that is about to is not", async () => {
    await using app = await startTestApp();
    const url = await uploadTo(app);
    await age(app, url, 23 * HOUR_MS);
    await app.submit({ ...WORKFLOW, url });
    await age(app, url, 24 * HOUR_MS);
    const { status, body } = await app.rest("POST", "/tasks", { ...WORKFLOW, url });
    expect([status, body.code]).toEqual([400, "INVALID_REQUEST"]);
    expect(body.errors[0].message).toMatch(/^url must name an upload: .* expired, upload the file/);
  });

  test("with any other name, id or form is refused", async () => {
    await using app = await startTestApp();
    const url = await uploadTo(app);
    const [, id = "", name = ""] = /\/\/(.*)\/(.*)/.exec(url) ?? [];
    await writeFile(join(app.dataDir, "uploads", "secret.png"), await aPicture());
    for (const wrong of [
      `upload://${id}/other.png`,
      `upload://${id.replace(/^./, (digit) => (digit === "0" ? "1" : "0"))}/${name}`,
      `upload://${id}`,
      `upload://${id}/`,
      `upload://${id}/../secret.png`,
      `upload://${id}/..%2f..%2fsecret.png`,
      `upload://${id}/%2e%2e`,
      `upload://${id}/%`,
      `upload://${id}:80/${name}`,
      `upload://user@${id}/${name}`,
      `upload://${id}/${name}?a`,
      `upload://${id}/${name}/more`,
      "upload://secret.png",
      "upload://",
    ]) {
      const { status, body } = await app.rest("POST", "/tasks", { ...WORKFLOW, url: wrong });
      expect([wrong, status, body.errors?.[0].field]).toEqual([wrong, 400, "url"]);
    }
  });

  test("is answered 503 while the storage is out of reach", async () => {
    const oss = await startOss();
    await using app = await startTestApp({ env: ossEnv(oss) });
    const url = await uploadTo(app);
    oss.inject({
      operation: "HeadObject",
      effect: { kind: "answer", statusCode: 403, code: "AccessDenied" },
    });
    const { status, body } = await app.rest("POST", "/tasks", { ...WORKFLOW, url });
    expect([status, body.code]).toEqual([503, "STORAGE_REFUSED"]);
    await app.submit({ ...WORKFLOW, url });
  });
});

test("a task whose upload is gone fails without a retry, and keeps the id to itself", async () => {
  await using server = await startCpuServer({ switches: FAST });
  await using app = await startTestApp({ servers: [server.url] });
  const url = await uploadTo(app);
  const notBefore = new Date(Date.now() + 500).toISOString();
  const taskId = await app.submit({ ...WORKFLOW, url, not_before: notBefore });
  await rm(pathOf(app, url));
  expect(await app.ended(taskId)).toMatchObject({
    status: "failed",
    error_code: "INPUT_NOT_FOUND",
    error: 'Cannot download input "upload://***/photo.png": there is no such upload',
    retries: 0,
  });
});

test("the same request under the same idempotency key is answered as before, even when its upload is gone", async () => {
  await using app = await startTestApp();
  const request = { ...WORKFLOW, url: await uploadTo(app), idempotency_key: "again" };
  const taskId = await app.submit(request);
  await rm(pathOf(app, request.url));
  expect(await app.submit(request)).toBe(taskId);
  const other = await app.rest("POST", "/tasks", { ...request, priority: 2 });
  expect([other.status, other.body.code]).toEqual([409, "IDEMPOTENCY_CONFLICT"]);
});

test("a storage that does not give an upload costs the task a retry", async () => {
  const oss = await startOss();
  await using server = await startCpuServer({ switches: FAST });
  await using app = await startTestApp({ servers: [server.url], env: ossEnv(oss) });
  const url = await uploadTo(app);
  oss.inject({
    operation: "GetObject",
    effect: { kind: "answer", statusCode: 403, code: "AccessDenied" },
  });
  const task = await app.ended(await app.submit({ ...WORKFLOW, url }));
  expect(task).toMatchObject({ status: "completed", retries: 1 });
});

test("a task that is canceled while it fetches its upload leaves nothing", async () => {
  const oss = await startOss();
  await using server = await startCpuServer({ switches: FAST });
  await using app = await startTestApp({ servers: [server.url], env: ossEnv(oss) });
  const url = await uploadTo(app);
  oss.inject({ operation: "GetObject", effect: { kind: "stall", afterBytes: 0 } });
  const taskId = await app.submit({ ...WORKFLOW, url });
  await eventually(() => oss.seen("GetObject").length > 0);
  expect((await app.rest("DELETE", `/tasks/${taskId}`)).body).toEqual({ status: "canceled" });
  await eventually(async () => expect(await uploadFiles(app.dataDir)).toEqual([]));
});

test("an upload that the bucket does not take is refused, and nothing of it stays", async () => {
  const oss = await startOss();
  await using app = await startTestApp({ env: ossEnv(oss) });
  oss.set({ denied: ["oss:PutObject"] });
  const { status, body } = await postUpload(app.url, await aPicture());
  expect([status, body.code]).toEqual([503, "STORAGE_REFUSED"]);
  expect(await uploadFiles(app.dataDir)).toEqual([]);
  expect([oss.objects.size, oss.uploads.size]).toEqual([0, 0]);
});

/** Makes an upload as old as that. */
async function age(app: TestApp, url: string, ageMs: number): Promise<void> {
  const time = new Date(Date.now() - ageMs);
  await utimes(pathOf(app, url), time, time);
}
