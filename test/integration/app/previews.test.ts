import { access, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { makeClip } from "../../support/clips.js";
import { startCpuServer } from "../../support/cpu-server.js";
import { eventually } from "../../support/eventually.js";
import { calm, openOss, ossEnv, startOss } from "../../support/oss-server-fixture.js";
import { aPicture, serve } from "../../support/pictures.js";
import { startService } from "../../support/service-process.js";
import { tempDir } from "../../support/temp-dir.js";
import { startTestApp, type TestApp } from "../../support/test-app.js";
import { postUpload } from "../../support/uploads.js";

// Small pictures of inputs and results, and inputs that were uploaded.

const FAST = { simulate: { steps: 1, stepMs: 1 } };
const STOPPED = { simulate: { steps: 2_000, stepMs: 50 } };
const EXPIRE_AT_ONCE = { TMLSR_RETENTION_DAYS: "0.0000001" };
const PICTURE = { type: "image", workflow: "cpu_image_2x" };

async function fetchPreview(app: TestApp, path: string, headers: Record<string, string> = {}) {
  const response = await fetch(`${app.url}/tasks/${path}`, { headers });
  return { response, bytes: Buffer.from(await response.arrayBuffer()) };
}

async function sizeOf(webp: Buffer): Promise<readonly unknown[]> {
  const { format, width, height } = await sharp(webp).metadata();
  return [format, width, height];
}

describe.each(["local disk", "OSS"])("previews on %s", (where) => {
  async function open(servers: readonly string[]): Promise<TestApp> {
    return await startTestApp({
      servers,
      ...(where === "OSS" && { env: ossEnv(await startOss()) }),
    });
  }

  test("show input and result, as wide as asked and never wider than they are", async () => {
    await using server = await startCpuServer({ switches: FAST });
    await using app = await open([server.url]);
    const url = await serve(await aPicture(800, 600));
    const taskId = await app.submit({ ...PICTURE, url });
    await app.ended(taskId);
    for (const [path, width, height] of [
      ["input?w=320", 320, 240],
      ["input", 640, 480],
      ["input?w=1920", 800, 600],
      ["output?w=1280", 1280, 960],
      ["output?w=1920", 1600, 1200],
    ] as const) {
      const { response, bytes } = await fetchPreview(app, `${taskId}/preview/${path}`);
      expect(response.status).toBe(200);
      expect(response.headers.get("content-type")).toBe("image/webp");
      expect(response.headers.get("cache-control")).toContain("immutable");
      expect(await sizeOf(bytes)).toEqual(["webp", width, height]);
      const again = await fetchPreview(app, `${taskId}/preview/${path}`, {
        "if-none-match": response.headers.get("etag") ?? "",
      });
      expect(again.response.status).toBe(304);
    }
  });

  test("are of a frame of a film, as it is shown", async () => {
    await using server = await startCpuServer({ switches: FAST });
    await using app = await open([server.url]);
    const clip = Buffer.from(await makeClip({ width: 64, rotation: 90 }));
    const taskId = await app.submit({
      url: await serve(clip, "clip.mp4"),
      workflow: "cpu_video_2x",
    });
    await app.ended(taskId);
    const input = await fetchPreview(app, `${taskId}/preview/input`);
    expect(await sizeOf(input.bytes)).toEqual(["webp", 48, 64]);
    const output = await fetchPreview(app, `${taskId}/preview/output`);
    expect(await sizeOf(output.bytes)).toEqual(["webp", 96, 128]);
  });
});

describe("GET /tasks/{task_id}/preview/...", () => {
  test("says what is not there, and what is not asked for well", async () => {
    await using app = await startTestApp();
    const taskId = await app.submit({ ...PICTURE, url: "https://example.com/a.jpg" });
    for (const [path, status, code] of [
      [`${taskId}/preview/input`, 404, "PREVIEW_NOT_AVAILABLE"],
      [`${taskId}/preview/output`, 404, "PREVIEW_NOT_AVAILABLE"],
      [`${"0".repeat(32)}/preview/input`, 404, "TASK_NOT_FOUND"],
      [`${taskId}/preview/input?w=100`, 400, "INVALID_REQUEST"],
      [`${taskId}/input`, 404, "INPUT_NOT_AVAILABLE"],
    ] as const) {
      const answer = await app.rest("GET", `/tasks/${path}`);
      expect([answer.status, answer.body.code]).toEqual([status, code]);
    }
  });

  test("harms no task that it cannot be made of", async () => {
    await using server = await startCpuServer({ switches: FAST });
    const oss = await startOss();
    await using app = await startTestApp({ servers: [server.url], env: ossEnv(oss) });
    // The first object that is put.
    const effect = { kind: "answer", statusCode: 403, code: "AccessDenied" } as const;
    oss.inject({ operation: "PutObject", effect });
    const taskId = await app.submit({ ...PICTURE, url: await serve(await aPicture()) });
    expect(await app.ended(taskId)).toMatchObject({ status: "completed", retries: 0 });
    const { body } = await app.rest("GET", `/tasks/${taskId}/preview/input`);
    expect(body.code).toBe("PREVIEW_NOT_AVAILABLE");
  });

  test("keeps no server waiting while it is made, and ends with a cancel", async () => {
    await using server = await startCpuServer({ switches: STOPPED });
    const oss = await startOss();
    await using service = await startService([server.url], ossEnv(oss));
    const isGivenUp = () =>
      service.lines.some(({ msg }) => msg === "no preview of the input was made");
    // Its picture is the first object that is put.
    oss.inject({ operation: "PutObject", effect: { kind: "stall", afterBytes: 0 } });
    const taskId = await service.submit({ ...PICTURE, url: await serve(await aPicture()) });
    await eventually(async () => (await server.log()).some(({ event }) => event === "started"));
    expect(isGivenUp()).toBe(false);
    await service.rest("DELETE", `/tasks/${taskId}`);
    expect(await service.ended(taskId)).toMatchObject({ status: "canceled" });
    await eventually(isGivenUp);
  });

  test("goes with its task, whether or not results stay", async () => {
    await using server = await startCpuServer({ switches: FAST });
    for (const keep of ["true", "false"]) {
      const dataDir = await tempDir();
      const env = { TMLSR_KEEP_OUTPUTS: keep };
      let taskId: string;
      {
        await using app = await startTestApp({ servers: [server.url], dataDir, env });
        taskId = await app.submit({ ...PICTURE, url: await serve(await aPicture()) });
        await app.ended(taskId);
      }
      const folder = join(dataDir, "pictures", taskId);
      expect(await readdir(folder)).toEqual(["input-1920.webp"]);
      await using app = await startTestApp({ dataDir, env: { ...env, ...EXPIRE_AT_ONCE } });
      await eventually(async () => (await app.rest("GET", `/tasks/${taskId}`)).status === 404);
      expect(await readdir(folder).catch(() => [])).toEqual([]);
    }
  });
});

test("an uploaded input is served with its type and in ranges, until it has expired", async () => {
  await using server = await startCpuServer({ switches: FAST });
  await using app = await startTestApp({ servers: [server.url] });
  const picture = await aPicture();
  const { body } = await postUpload(app.url, picture, {}, "?name=photo.jpg");
  const taskId = await app.submit({ ...PICTURE, url: body.url });
  await app.ended(taskId);
  const { response, bytes } = await fetchPreview(app, `${taskId}/input`);
  expect(response.headers.get("content-type")).toBe("image/png");
  expect(bytes.equals(picture)).toBe(true);
  const part = await fetchPreview(app, `${taskId}/input`, { range: "bytes=1-3" });
  expect([part.response.status, part.bytes.toString()]).toEqual([206, "PNG"]);
  await access(join(app.dataDir, "pictures", taskId));
  await rm(join(app.dataDir, "uploads"), { recursive: true });
  const gone = await app.rest("GET", `/tasks/${taskId}/input`);
  expect([gone.status, gone.body.code]).toEqual([404, "INPUT_NOT_AVAILABLE"]);
});

test("an uploaded input in a bucket is a redirect to where it is, until it has expired", async () => {
  const oss = await startOss({ isPublic: true });
  await using app = await startTestApp({ env: ossEnv(oss) });
  const picture = await aPicture();
  const { body } = await postUpload(app.url, picture, {}, "?name=photo.png");
  const taskId = await app.submit({ ...PICTURE, url: body.url });
  const redirect = await fetch(`${app.url}/tasks/${taskId}/input`, { redirect: "manual" });
  expect(redirect.status).toBe(302);
  expect(redirect.headers.get("location")).toMatch(`${oss.endpoint}/`);
  expect(redirect.headers.get("cache-control")).toBe("private, no-cache");
  const followed = await fetchPreview(app, `${taskId}/input`);
  expect(followed.bytes.equals(picture)).toBe(true);
  expect(followed.response.headers.get("content-type")).toBe("image/png");
  const storage = openOss(oss);
  for (const key of oss.objects.keys()) await storage.remove(key, calm());
  const gone = await app.rest("GET", `/tasks/${taskId}/input`);
  expect([gone.status, gone.body.code]).toEqual([404, "INPUT_NOT_AVAILABLE"]);
  const byUrl = await app.submit({ ...PICTURE, url: "https://example.com/image.jpg" });
  expect((await app.rest("GET", `/tasks/${byUrl}/input`)).body.code).toBe("INPUT_NOT_AVAILABLE");
});
