import { readdir } from "node:fs/promises";
import type { RequestListener } from "node:http";
import { join } from "node:path";
import sharp from "sharp";
import { expect, test } from "vitest";
import { startCpuServer } from "../../support/cpu-server.js";
import { eventually } from "../../support/eventually.js";
import { startOrigin } from "../../support/http-origin.js";
import { startTestApp } from "../../support/test-app.js";

const send =
  (content: Buffer): RequestListener =>
  (_request, response) => {
    response.writeHead(200, { "content-type": "image/png", "content-length": content.length });
    response.end(content);
  };

/** Few bytes that would be 144 million pixels. */
async function bomb(): Promise<Buffer> {
  const background = { r: 0, g: 0, b: 0 };
  return await sharp({ create: { width: 12_000, height: 12_000, channels: 3, background } })
    .png({ compressionLevel: 9, palette: true, colours: 2 })
    .toBuffer();
}

async function truncatedJpeg(): Promise<Buffer> {
  const noise = Buffer.alloc(300 * 300 * 3, "0123456789abcdefghij");
  const jpeg = await sharp(noise, { raw: { width: 300, height: 300, channels: 3 } })
    .jpeg()
    .toBuffer();
  return jpeg.subarray(0, jpeg.length / 2);
}

const CASES: readonly (readonly [string, () => Promise<RequestListener>, string, RegExp])[] = [
  [
    "an HTML page behind an image name",
    async () => send(Buffer.from("<!doctype html><title>Sign in</title>")),
    "INPUT_TYPE_UNSUPPORTED",
    /image/i,
  ],
  [
    "a truncated JPEG",
    async () => send(await truncatedJpeg()),
    "INPUT_DAMAGED",
    /jpeg|picture|image/i,
  ],
  ["a decompression bomb", async () => send(await bomb()), "INPUT_TOO_LARGE", /pixels/i],
  [
    "a body declared to have 3 GB",
    async () => (_request, response) => {
      response.writeHead(200, { "content-length": 3 * 1024 ** 3 });
      response.write("x");
    },
    "INPUT_TOO_LARGE",
    /MiB|GiB|bytes/,
  ],
  [
    "a redirect to a private address",
    async () => (_request, response) => {
      response.writeHead(302, { location: "http://169.254.169.254/latest/meta-data/" }).end();
    },
    "INPUT_ADDRESS_NOT_ALLOWED",
    /169\.254\.169\.254/,
  ],
];

test.for(CASES)(
  "%s fails the task at once with a reason, runs nothing and leaves nothing",
  async ([, listener, code, reason]) => {
    await using server = await startCpuServer({ switches: { simulate: { steps: 1, stepMs: 1 } } });
    await using app = await startTestApp({ servers: [server.url] });
    const origin = await startOrigin(await listener());
    const taskId = await app.submit({
      url: `${origin.url}/a.png`,
      type: "image",
      workflow: "cpu_image_2x",
    });
    const task = await app.ended(taskId);
    expect(task).toMatchObject({ status: "failed", error_code: code, retries: 0, output: null });
    expect(task.error).toMatch(reason);
    expect(await server.log().catch(() => [])).toEqual([]);
    await eventually(async () => {
      expect(await readdir(join(app.dataDir, "work"))).toEqual([]);
    });
  },
);
