import { randomBytes } from "node:crypto";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { expect, test } from "vitest";
import { openEmbeddedStore } from "../../../src/store/embedded/open-embedded-store.js";
import { startCpuServer } from "../../support/cpu-server.js";
import { eventually } from "../../support/eventually.js";
import { BUCKET, type OssServer } from "../../support/oss-server.js";
import { ossEnv, startOss } from "../../support/oss-server-fixture.js";
import { aPicture, serve } from "../../support/pictures.js";
import { runsByTask } from "../../support/runs.js";
import { tempDir } from "../../support/temp-dir.js";
import { startTestApp, type TestApp } from "../../support/test-app.js";

const FAST = { simulate: { steps: 2, stepMs: 5 } };
const WORKFLOW = { type: "image", workflow: "cpu_image_2x" };

/** The status of the task's stages, by name. */
async function stages(app: TestApp, taskId: string): Promise<Record<string, string>> {
  const { body } = await app.rest("GET", `/tasks/${taskId}`);
  return Object.fromEntries(
    body.stages.map(({ name, status }: { name: string; status: string }) => [name, status]),
  );
}

test("a picture's result lands in the bucket, at the URL that the task says", async () => {
  const oss = await startOss({ isPublic: true });
  await using server = await startCpuServer({ switches: FAST });
  await using app = await startTestApp({ servers: [server.url], env: ossEnv(oss) });
  const taskId = await app.submit({ ...WORKFLOW, url: await serve(await aPicture()) });
  const { output } = await app.ended(taskId);

  const key = `outputs/${taskId}/result.png`;
  expect(output).toMatchObject({
    url: `${oss.endpoint}/${BUCKET}/${key}`,
    url_expires_at: null,
  });
  expect([...oss.objects.keys()].sort()).toEqual([key, `pictures/${taskId}/input-1920.webp`]);
  const answer = await fetch(output.url);
  expect(answer.headers.get("content-type")).toBe("image/png");
  expect(answer.headers.get("content-disposition")).toBe("inline; filename=result.png");
  const picture = await sharp(Buffer.from(await answer.arrayBuffer())).metadata();
  expect(picture).toMatchObject({ width: 64, height: 48 });
});

test("signed URLs open a private bucket, and are made afresh at each read", async () => {
  const oss = await startOss();
  await using server = await startCpuServer({ switches: FAST });
  const env = { ...ossEnv(oss), OSS_SIGNED_URL_SECONDS: "600" };
  await using app = await startTestApp({ servers: [server.url], env });
  const taskId = await app.submit({ ...WORKFLOW, url: await serve(await aPicture()) });
  const { output: first } = await app.ended(taskId);

  const leftMs = Date.parse(first.url_expires_at) - Date.now();
  expect(leftMs).toBeGreaterThan(500_000);
  expect(leftMs).toBeLessThanOrEqual(600_000);
  expect((await fetch(first.url)).status).toBe(200);
  const { origin, pathname } = new URL(first.url);
  expect((await fetch(origin + pathname)).status).toBe(403);

  const second = await eventually(async () => {
    const { output } = (await app.rest("GET", `/tasks/${taskId}`)).body;
    return output.url_expires_at > first.url_expires_at && output;
  });
  expect(second.url).not.toBe(first.url);
  expect((await fetch(second.url)).status).toBe(200);
  const { body: list } = await app.rest("GET", "/tasks");
  expect((await fetch(list.tasks[0].output.url)).status).toBe(200);
});

/** Whether the result is here, whole. */
async function hasFetched(app: TestApp, taskId: string): Promise<boolean> {
  const names = await readdir(join(app.dataDir, "work", taskId)).catch(() => []);
  return names.some((name) => /^output-[\w-]+-0$/.test(name));
}

// What goes wrong once the GPU has done its work, and how it ends.
const OUTAGES: [string, (oss: OssServer) => Promise<void>, (oss: OssServer) => Promise<void>][] = [
  [
    "answers 503 for a while",
    async (oss) =>
      oss.inject({
        operation: "PutObject",
        effect: { kind: "answer", statusCode: 503, code: "ServiceUnavailable" },
        times: 2,
      }),
    async () => {},
  ],
  ["is down for a while", (oss) => oss.goDown(), (oss) => oss.comeBack()],
  [
    "takes away the right to write",
    async (oss) => oss.set({ denied: ["oss:PutObject"] }),
    async (oss) => oss.set({ denied: [] }),
  ],
  [
    "no longer accepts the credentials",
    async (oss) => oss.set({ signer: { accessKeySecret: "changed" } }),
    async (oss) => oss.set({ signer: {} }),
  ],
];

test.each(OUTAGES)(
  "a storage that %s costs no second run, and the task completes afterwards",
  async (_, begin, end) => {
    const oss = await startOss({ isPublic: true });
    await using server = await startCpuServer({ switches: FAST });
    await using app = await startTestApp({ servers: [server.url], env: ossEnv(oss) });
    await begin(oss);
    const taskId = await app.submit({ ...WORKFLOW, url: await serve(await aPicture()) });
    await eventually(() => hasFetched(app, taskId));
    if (oss.isUp) await eventually(() => oss.seen("PutObject").some(isRefused));
    expect(await stages(app, taskId)).not.toMatchObject({ upload: "success" });
    await end(oss);

    const task = await app.ended(taskId);
    expect(task).toMatchObject({ status: "completed", error: null, retries: 0 });
    expect((await fetch(task.output.url)).status).toBe(200);
    expect(await runsByTask([server])).toEqual(new Map([[taskId, 1]]));
  },
);

function isRefused({ statusCode }: { readonly statusCode?: number }): boolean {
  return statusCode !== undefined && statusCode >= 400;
}

test("a service that starts without its storage serves, works, and stores when it can", async () => {
  const oss = await startOss();
  await oss.goDown();
  await using server = await startCpuServer({ switches: FAST });
  await using app = await startTestApp({ servers: [server.url], env: ossEnv(oss) });
  const taskId = await app.submit({ ...WORKFLOW, url: await serve(await aPicture()) });
  await eventually(() => hasFetched(app, taskId));
  await oss.comeBack();
  expect(await app.ended(taskId)).toMatchObject({ status: "completed", retries: 0 });
  expect(await runsByTask([server])).toEqual(new Map([[taskId, 1]]));
});

test("an outage in mid-upload that outlasts the tries of its calls: the same upload goes on, none is left open", async () => {
  const oss = await startOss();
  await using server = await startCpuServer({ switches: FAST });
  await using app = await startTestApp({ servers: [server.url], env: ossEnv(oss) });
  await eventually(() => oss.seen("UploadPart").length === 1);
  const effect = { kind: "answer", statusCode: 503, code: "ServiceUnavailable" } as const;
  oss.inject({ operation: "UploadPart", effect, skip: 1, times: Number.POSITIVE_INFINITY });
  const taskId = await app.submit({ ...WORKFLOW, url: await serve(await largePicture()) });
  // From here on it is the run that tries again, in the same process.
  await eventually(async () => (await detailOf(app, taskId, "upload")).startsWith("Waiting"));
  expect(oss.uploads.size).toBe(1);
  oss.clearFaults();

  expect(await app.ended(taskId, 60_000)).toMatchObject({ status: "completed", retries: 0 });
  expect(oss.seen("InitiateMultipartUpload")).toHaveLength(1);
  expect(oss.uploads.size).toBe(0);
  const sent = oss.storedParts();
  expect(sent).toHaveLength(new Set(sent).size);
  expect(await runsByTask([server])).toEqual(new Map([[taskId, 1]]));
}, 300_000);

test("a result that is lost in mid-upload is made again, and the upload of the lost one is given up", async () => {
  const oss = await startOss();
  await using server = await startCpuServer({ switches: FAST });
  const options = { servers: [server.url], env: ossEnv(oss), dataDir: await tempDir() };
  const effect = { kind: "answer", statusCode: 403, code: "AccessDenied" } as const;
  let taskId = "";
  {
    await using app = await startTestApp(options);
    await eventually(() => oss.seen("UploadPart").length === 1);
    oss.inject({ operation: "UploadPart", effect, skip: 1, times: Number.POSITIVE_INFINITY });
    taskId = await app.submit({ ...WORKFLOW, url: await serve(await largePicture()) });
    await eventually(async () => (await detailOf(app, taskId, "upload")).startsWith("Waiting"));
  }
  expect(oss.uploads.size).toBe(1);
  for (const lost of [join(options.dataDir, "work", taskId), join(server.dir, "output", "tmlsr")])
    await rm(lost, { recursive: true });
  oss.clearFaults();
  await using app = await startTestApp(options);
  expect(await app.ended(taskId, 60_000)).toMatchObject({ status: "completed", retries: 0 });
  await eventually(() => oss.uploads.size === 0);
  expect(await runsByTask([server])).toEqual(new Map([[taskId, 2]]));
}, 300_000);

test("a task that is canceled while it waits with an unfinished upload: that upload is given up", async () => {
  const oss = await startOss();
  await using server = await startCpuServer({ switches: FAST });
  const options = { servers: [server.url], env: ossEnv(oss), dataDir: await tempDir() };
  const effect = { kind: "answer", statusCode: 403, code: "AccessDenied" } as const;
  let taskId = "";
  {
    await using app = await startTestApp(options);
    await eventually(() => oss.seen("UploadPart").length === 1);
    oss.inject({ operation: "UploadPart", effect, skip: 1, times: Number.POSITIVE_INFINITY });
    taskId = await app.submit({ ...WORKFLOW, url: await serve(await largePicture()) });
    await eventually(async () => (await detailOf(app, taskId, "upload")).startsWith("Waiting"));
  }
  {
    await using store = await openEmbeddedStore({ directory: options.dataDir });
    expect(await store.get(taskId)).toMatchObject({ status: "pending" });
    expect(await store.cancel(taskId)).toBe("canceled");
  }
  expect(oss.uploads.size).toBe(1);
  oss.clearFaults();
  await using _app = await startTestApp(options);
  await eventually(() => oss.uploads.size === 0);
  expect(await runsByTask([server])).toEqual(new Map([[taskId, 1]]));
}, 300_000);

/** What a stage says of itself. */
async function detailOf(app: TestApp, taskId: string, stage: string): Promise<string> {
  const { body } = await app.rest("GET", `/tasks/${taskId}`);
  return body.stages.find(({ name }: { name: string }) => name === stage)?.detail ?? "";
}

test("a cancel in mid-upload cuts it and leaves nothing of it in the bucket", async () => {
  const oss = await startOss();
  await using server = await startCpuServer({ switches: FAST });
  await using app = await startTestApp({ servers: [server.url], env: ossEnv(oss) });
  await eventually(() => oss.seen("UploadPart").length === 1);
  oss.inject({ operation: "UploadPart", effect: { kind: "stall", afterBytes: 1 }, times: 100 });
  const taskId = await app.submit({ ...WORKFLOW, url: await serve(await largePicture()) });
  await eventually(() => oss.uploads.size === 1 && oss.seen("UploadPart").length > 1);

  expect((await app.rest("DELETE", `/tasks/${taskId}`)).body).toEqual({ status: "canceled" });
  await eventually(() => oss.uploads.size === 0);
  expect(oss.seen("AbortMultipartUpload")).toMatchObject([{ statusCode: 204 }]);
  // The small picture of its input goes with the task.
  expect([...oss.objects.keys()]).toEqual([`pictures/${taskId}/input-1920.webp`]);
});

/** Its result takes more than one part. */
async function largePicture(): Promise<Buffer> {
  const [width, height] = [2000, 1500];
  const raw = { width, height, channels: 3 } as const;
  const pixels = randomBytes(width * height * 3);
  return await sharp(pixels, { raw }).png({ compressionLevel: 0 }).toBuffer();
}
